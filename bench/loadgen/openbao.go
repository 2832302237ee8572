package main

// OpenBao's response wrapping under the same load: wrap, unwrap. In memory or with its own raft on the disk (one node, fsync as
// it comes), audit to a file, TLS 1.3, not in dev mode.

import (
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// The names of the peer's storages.
const (
	memoryStorage = "inmem"
	raftStorage   = "raft"
)

type openbaoPeer struct {
	*server
	token string
	size  int
	audit string
}

func startOpenBao(program, storage string, size int) (*openbaoPeer, error) {
	folder, err := os.MkdirTemp(*work, "openbao-")
	if err != nil {
		return nil, err
	}
	keyFile, certificateFile := filepath.Join(folder, "server.key"), filepath.Join(folder, "server.crt")
	var key []byte
	certificate := selfSigned("127.0.0.1", &key)
	if err := errors.Join(
		os.WriteFile(certificateFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}), 0o600),
		os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)); err != nil {
		return nil, err
	}
	stanza := `storage "inmem" {}`
	if storage == raftStorage {
		data := filepath.Join(folder, "raft")
		if err := os.Mkdir(data, 0o700); err != nil {
			return nil, err
		}
		stanza = fmt.Sprintf("storage \"raft\" {\n  path = %q\n  node_id = \"one\"\n}", data)
	}
	address, cluster := freeAddress(), freeAddress()
	p := &openbaoPeer{size: size, audit: filepath.Join(folder, "audit.log")}
	configuration := fmt.Sprintf(`ui = false
log_level = "error"
disable_mlock = true
api_addr = "https://%[1]s"
cluster_addr = "https://%[2]s"
%[6]s
listener "tcp" {
  address = %[1]q
  cluster_address = %[2]q
  tls_cert_file = %[3]q
  tls_key_file = %[4]q
  tls_min_version = "tls13"
}
audit "file" "file" {
  options {
    file_path = %[5]q
  }
}
`, address, cluster, certificateFile, keyFile, p.audit, stanza)
	file := filepath.Join(folder, "server.hcl")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return nil, err
	}
	if p.server, err = launch(folder, address, nil, program, "server", "-config="+file); err != nil {
		return nil, err
	}
	if err := p.initialise(); err != nil {
		err = fmt.Errorf("%w: %s", err, p.output())
		p.stop()
		return nil, err
	}
	return p, nil
}

func (p *openbaoPeer) initialise() error {
	if err := p.waitUntilListening(20 * time.Second); err != nil {
		return err
	}
	c, err := dial(p.address)
	if err != nil {
		return err
	}
	var made struct {
		Keys      []string `json:"keys"`
		RootToken string   `json:"root_token"`
	}
	if err := call(c, "PUT", "/v1/sys/init", "", `{"secret_shares":1,"secret_threshold":1}`, &made); err != nil {
		return err
	}
	if err := call(c, "PUT", "/v1/sys/unseal", "", fmt.Sprintf(`{"key":%q}`, made.Keys[0]), nil); err != nil {
		return err
	}
	var token struct {
		Auth struct {
			ClientToken string `json:"client_token"`
		} `json:"auth"`
	}
	// An application's token: the default policy, a service token, no root.
	for attempt := 0; ; attempt++ {
		err := call(c, "POST", "/v1/auth/token/create", made.RootToken, `{"policies":["default"],"no_parent":true,"ttl":"1h"}`, &token)
		if err == nil {
			break
		}
		if attempt == 50 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.token = token.Auth.ClientToken
	return nil
}

func call(c *connection, method, path, token, body string, into any) error {
	headers := []string{}
	if token != "" {
		headers = append(headers, "X-Vault-Token: "+token)
	}
	got, err := c.send(method, path, []byte(body), headers...)
	if err != nil {
		return err
	}
	if got.status != 200 {
		return fmt.Errorf("%s %s: %d %s", method, path, got.status, got.body)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(got.body, into)
}

func (p *openbaoPeer) processes() (own, store []*server) { return []*server{p.server}, nil }
func (p *openbaoPeer) calls() (storeCalls, error)        { return storeCalls{}, nil }

func (p *openbaoPeer) steps() []string { return []string{"wrap", "unwrap"} }

type openbaoWorker struct {
	peer       *openbaoPeer
	connection *connection
	body       string
}

func (p *openbaoPeer) worker() (worker, error) {
	c, err := dial(p.address)
	if err != nil {
		return nil, err
	}
	return &openbaoWorker{p, c, fmt.Sprintf(`{"content":%q}`, b64.EncodeToString(randomBytes(p.size*3/4)))}, nil
}

func (w *openbaoWorker) close()            { w.connection.tls.Close() }
func (w *openbaoWorker) prepare(int) error { return nil }
func (w *openbaoWorker) prepared() int     { return 1 << 30 }

func (w *openbaoWorker) wrapToken() (string, error) {
	got, err := w.connection.send("POST", "/v1/sys/wrapping/wrap", []byte(w.body), "X-Vault-Token: "+w.peer.token, "X-Vault-Wrap-TTL: 300s")
	if err != nil {
		return "", err
	}
	var wrapped struct {
		Info struct {
			Token string `json:"token"`
		} `json:"wrap_info"`
	}
	if got.status != 200 {
		return "", fmt.Errorf("wrap: %d %s", got.status, got.body)
	}
	err = json.Unmarshal(got.body, &wrapped)
	return wrapped.Info.Token, err
}

func (w *openbaoWorker) cycle() ([]time.Duration, error) {
	start := time.Now()
	token, err := w.wrapToken()
	if err != nil {
		return nil, err
	}
	wrapped := time.Now()
	got, err := w.unwrap(token)
	if err != nil {
		return nil, err
	}
	if got.status != 200 || len(got.body) < len(w.body) {
		return nil, fmt.Errorf("unwrap: %d %s", got.status, got.body)
	}
	return []time.Duration{wrapped.Sub(start), time.Since(wrapped)}, nil
}

func (w *openbaoWorker) unwrap(token string) (answer, error) {
	return w.connection.send("POST", "/v1/sys/wrapping/unwrap", []byte("{}"), "X-Vault-Token: "+token)
}

func (w *openbaoWorker) check() error {
	token, err := w.wrapToken()
	if err != nil {
		return err
	}
	if got, err := w.unwrap(token); err != nil || got.status != 200 {
		return fmt.Errorf("first unwrap: %d %w", got.status, err)
	}
	if got, err := w.unwrap(token); err != nil || got.status == 200 {
		return fmt.Errorf("second unwrap: %d %w", got.status, err)
	}
	if state, err := os.Stat(w.peer.audit); err != nil || state.Size() == 0 {
		return errors.New("audit is on, but its log is empty")
	}
	return nil
}
