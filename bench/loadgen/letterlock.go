package main

// Letterlock under load: wrap, open, acknowledge; a proof on each request.

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"
)

type letterlockPeer struct {
	*server
	writer, reader *identity
	origin         string
	size           int
	mode           string
}

// startLetterlock starts a transient server through the shipped program, with writer, reader and grant in its configuration.
func startLetterlock(program, work string, size int, mode string) (peer, error) {
	folder, err := os.MkdirTemp(work, "letterlock-")
	if err != nil {
		return nil, err
	}
	now := time.Now().Unix()
	p := &letterlockPeer{writer: newIdentity("writer", now), reader: newIdentity("reader", now), size: size, mode: mode}
	certificates := []string{}
	for _, name := range []string{"one", "two", "three"} {
		file := filepath.Join(folder, name+".crt")
		data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: selfSigned(name, nil)})
		if err := os.WriteFile(file, data, 0o600); err != nil {
			return nil, err
		}
		certificates = append(certificates, file)
	}
	address := freeAddress()
	p.origin = "https://" + address
	// YAML reads JSON.
	configuration := must(json.Marshal(map[string]any{
		"trustDomain": "bench.example", "store": map[string]any{"memory": map[string]any{}},
		"listen": map[string]any{"direct": address}, "publicOrigins": []string{p.origin},
		"init":       map[string]any{"certificates": certificates, "threshold": 1},
		"identities": []string{p.writer.keyset, p.reader.keyset},
		"grants":     []any{map[string]any{"who": p.writer.id, "verbs": []string{"wrap"}, "path": "bench"}},
		"quotas":     map[string]any{"liveWrapsPerIdentity": 10_000_000},
		"log":        map[string]any{"level": "error"},
	}))
	file := filepath.Join(folder, "letterlock.yaml")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		return nil, err
	}
	if p.server, err = launch(folder, address, nil, program, "server", "--config", file); err != nil {
		return nil, err
	}
	if err := p.waitUntilListening(20 * time.Second); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

// steps are what one turn of the loop does; with `open` the wraps are stored before the clock starts.
func (p *letterlockPeer) steps() []string {
	return map[string][]string{"cycle": {"wrap", "open", "ack"}, "wrap": {"wrap"}, "open": {"open"}}[p.mode]
}

type letterlockWorker struct {
	peer            *letterlockPeer
	connection      *connection
	exporter, nonce string
	supply          *supply
	rpk             string
	stored          []string
}

func (p *letterlockPeer) worker() (worker, error) {
	c, err := dial(p.address)
	if err != nil {
		return nil, err
	}
	state, err := c.send("GET", "/v1/sys/state", nil)
	if err != nil {
		return nil, err
	}
	ephemeral := newIdentity("", 0).enc
	return &letterlockWorker{peer: p, connection: c, exporter: c.exporter(), nonce: state.header.Get("Replay-Nonce"),
		supply: newSupply(p), rpk: string(jcs(jwkOf(ephemeral.PublicKey())))}, nil
}

// supply prepares envelopes before the clock starts and, if they run out, in batches whose time is not counted.
type supply struct {
	peer   *letterlockPeer
	ids    []string
	bodies [][]byte
}

func newSupply(p *letterlockPeer) *supply { return &supply{peer: p} }

func (s *supply) fill(count int) {
	content := randomBytes(s.peer.size)
	for len(s.ids) < count {
		id, body := sealEnvelope(s.peer.writer, s.peer.reader, "bench/item", content, time.Now().Unix())
		s.ids, s.bodies = append(s.ids, id), append(s.bodies, body)
	}
}

func (s *supply) take() (string, []byte) {
	last := len(s.ids) - 1
	id, body := s.ids[last], s.bodies[last]
	s.ids, s.bodies = s.ids[:last], s.bodies[:last]
	return id, body
}

func (w *letterlockWorker) prepare(cycles int) error {
	if w.peer.mode != "open" {
		w.supply.fill(cycles)
		return nil
	}
	for len(w.stored) < cycles {
		w.supply.fill(1)
		if err := w.wrap(); err != nil {
			return err
		}
	}
	return nil
}

func (w *letterlockWorker) prepared() int {
	if w.peer.mode == "open" {
		return len(w.stored)
	}
	return len(w.supply.ids)
}

func (w *letterlockWorker) call(who *identity, method, path string, body []byte, want int) ([]byte, error) {
	bodyHash := hash43(body)
	proof := who.proof(method, w.peer.origin+path, bodyHash, w.nonce, w.exporter, time.Now().Unix())
	got, err := w.connection.send(method, path, body, "Authorization: Letterlock "+proof)
	if err != nil {
		return nil, err
	}
	w.nonce = got.header.Get("Replay-Nonce")
	if got.status != want {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got.body, nil
}

// wrap stores the next envelope of the supply and remembers its id.
func (w *letterlockWorker) wrap() error {
	id, body := w.supply.take()
	_, err := w.call(w.peer.writer, "POST", "/v1/wraps", body, 201)
	w.stored = append(w.stored, id)
	return err
}

// open claims the wrap that was stored last, and gives its id and the claim's.
func (w *letterlockWorker) open() (id, claim string, err error) {
	last := len(w.stored) - 1
	id, w.stored = w.stored[last], w.stored[:last]
	claim = b64.EncodeToString(randomBytes(16))
	data, err := w.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/open", fmt.Appendf(nil, `{"cid":"%s","rpk":%s}`, claim, w.rpk), 200)
	if err == nil && len(data) < w.peer.size {
		err = fmt.Errorf("an open answered with %d bytes", len(data))
	}
	return id, claim, err
}

func (w *letterlockWorker) acknowledge(id, claim string) error {
	_, err := w.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/ack", fmt.Appendf(nil, `{"cid":"%s"}`, claim), 200)
	return err
}

func (w *letterlockWorker) cycle() ([]time.Duration, error) {
	var took []time.Duration
	var id, claim string
	for _, step := range w.peer.steps() {
		var err error
		start := time.Now()
		switch step {
		case "wrap":
			err = w.wrap()
		case "open":
			id, claim, err = w.open()
		case "ack":
			err = w.acknowledge(id, claim)
		}
		if err != nil {
			return nil, err
		}
		took = append(took, time.Since(start))
	}
	return took, nil
}

// check proves once a run that the second open is refused.
func (w *letterlockWorker) check() error {
	w.supply.fill(1)
	if err := w.wrap(); err != nil {
		return err
	}
	id, claim, err := w.open()
	if err == nil {
		err = w.acknowledge(id, claim)
	}
	if err != nil {
		return err
	}
	_, err = w.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/open", fmt.Appendf(nil, `{"cid":"%s"}`, b64.EncodeToString(randomBytes(16))), 410)
	return err
}

// fillStore stores wraps that nobody opens, over several connections, for the run with many stored wraps.
func (p *letterlockPeer) fillStore(count int) error {
	const connections = 8
	var group sync.WaitGroup
	failures := make(chan error, connections)
	for range connections {
		group.Go(func() {
			one, err := p.worker()
			if err != nil {
				failures <- err
				return
			}
			w := one.(*letterlockWorker)
			for range count / connections {
				w.supply.fill(1)
				if err := w.wrap(); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	group.Wait()
	close(failures)
	return <-failures
}
