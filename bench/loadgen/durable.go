package main

// The durable set-up of Letterlock: one member of etcd behind TLS, on a disk or in memory, and the ceremony that makes a service
// of it, done with the shipped command line as an operator would.

import (
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The names of the stores.
const (
	memoryStore = "memory"     // in the server's own memory
	diskStore   = "etcd"       // every commit is on the disk before it counts
	tmpfsStore  = "etcd-tmpfs" // the same program and settings on a file system in memory
	etcdQuota   = 8 << 30      // bytes; a million wraps do not fit into etcd's default of two GiB
	adminNames  = "one,two"    // either of them unseals
)

type etcdServer struct {
	*server
	endpoint                  string
	metrics                   string
	caFile, certFile, keyFile string
}

// startEtcd starts one member with everything it has below parent.
func startEtcd(program, parent string) (*etcdServer, error) {
	folder, err := os.MkdirTemp(parent, "etcd-")
	if err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(folder, name) }
	write := func(name, kind string, der []byte) error {
		return os.WriteFile(file(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
	}
	var serverKey, clientKey []byte
	serverCertificate, clientCertificate := selfSigned("etcd", &serverKey), selfSigned("letterlock", &clientKey)
	if err := errors.Join(write("server.crt", "CERTIFICATE", serverCertificate), write("server.key", "PRIVATE KEY", serverKey),
		write("client.crt", "CERTIFICATE", clientCertificate), write("client.key", "PRIVATE KEY", clientKey)); err != nil {
		return nil, err
	}
	client, member, metrics := freeAddress(), freeAddress(), freeAddress()
	port := client[strings.LastIndexByte(client, ':'):]
	e := &etcdServer{endpoint: "https://localhost" + port, metrics: "http://" + metrics,
		caFile: file("server.crt"), certFile: file("client.crt"), keyFile: file("client.key")}
	if e.server, err = launch(folder, client, nil, program, "--name=one", "--data-dir="+file("data"), "--log-level=error",
		"--listen-client-urls=https://"+client, "--advertise-client-urls="+e.endpoint,
		"--cert-file="+e.caFile, "--key-file="+file("server.key"), "--client-cert-auth", "--trusted-ca-file="+e.certFile,
		"--listen-peer-urls=http://"+member, "--initial-advertise-peer-urls=http://"+member, "--initial-cluster=one=http://"+member,
		"--listen-metrics-urls="+e.metrics, "--enable-grpc-gateway=false",
		"--quota-backend-bytes="+strconv.Itoa(etcdQuota)); err != nil {
		return nil, err
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		if text, err := fetch(e.metrics + "/health"); err == nil && strings.Contains(text, "true") {
			return e, nil
		}
		if time.Now().After(end) {
			err := errors.New("etcd is not ready: " + e.output())
			e.stop()
			return nil, err
		}
	}
}

func fetch(url string) (string, error) {
	response, err := (&http.Client{Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// storeCalls counts what the store has answered since its start.
type storeCalls struct{ transactions, reads, syncs float64 }

func (e *etcdServer) calls() (storeCalls, error) {
	text, err := fetch(e.metrics + "/metrics")
	calls := storeCalls{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		isKV := strings.HasPrefix(name, "grpc_server_handled_total{") && strings.Contains(name, `grpc_service="etcdserverpb.KV"`)
		switch {
		case isKV && strings.Contains(name, `grpc_method="Txn"`):
			calls.transactions += must(strconv.ParseFloat(value, 64))
		case isKV && strings.Contains(name, `grpc_method="Range"`):
			calls.reads += must(strconv.ParseFloat(value, 64))
		case name == "etcd_disk_wal_fsync_duration_seconds_count":
			calls.syncs += must(strconv.ParseFloat(value, 64))
		}
	}
	if err == nil && calls.transactions == 0 {
		err = errors.New("etcd does not say how many transactions it answered")
	}
	return calls, err
}

// operator runs the command line of one person who holds the keys of all admins.
type operator struct{ program, home string }

func (o operator) run(address string, arguments ...string) error {
	command := exec.Command(o.program, arguments...)
	command.Dir = o.home
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	command.Env = append(os.Environ(), "HOME="+o.home, "XDG_CONFIG_HOME=", "XDG_STATE_HOME=", "XDG_CACHE_HOME="+cache, "LETTERLOCK_ADDRESS=https://"+address)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("letterlock %s: %w: %s", strings.Join(arguments, " "), err, out)
	}
	return nil
}

// makeAdmins writes keys and certificates, and gives the paths of the certificates.
func (o operator) makeAdmins() (certificates []string, err error) {
	for name := range strings.SplitSeq(adminNames, ",") {
		err = errors.Join(err, o.run("", "init", "admin", "--name", name))
		certificates = append(certificates, filepath.Join(o.home, name+".crt"))
	}
	return certificates, err
}

// initialise makes the installation and has every admin check its share: nothing is stored before.
func (o operator) initialise(s *server, certificates []string) error {
	boot, err := s.introduced("boot")
	if err != nil {
		return err
	}
	arguments := append([]string{"init", "--threshold", "1", "--boot", boot, "--key", "one.key", "--certificates"}, certificates...)
	if err := o.run(s.address, arguments...); err != nil {
		return err
	}
	for name := range strings.SplitSeq(adminNames, ",") {
		if err := o.run(s.address, "share", "check", "--key", name+".key"); err != nil {
			return err
		}
	}
	return nil
}

// unseal gives a share to one more process of the installation.
func (o operator) unseal(s *server) error {
	boot, err := s.introduced("boot")
	if err != nil {
		return err
	}
	fingerprint, err := s.introduced("fingerprint")
	if err != nil {
		return err
	}
	return o.run(s.address, "unseal", "--key", "one.key", "--boot", boot, "--trust", fingerprint, "--accept-unpinned-share")
}

// introduced reads what a server says of itself when it starts.
func (s *server) introduced(label string) (string, error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(s.output()) {
			if words := strings.Fields(line); len(words) == 2 && words[0] == label {
				return words[1], nil
			}
		}
	}
	return "", fmt.Errorf("the server does not print its %s: %s", label, s.output())
}
