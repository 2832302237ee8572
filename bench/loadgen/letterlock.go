package main

// Letterlock under load: wrap, open, acknowledge; a proof on each request.

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// setup says where the wraps are, and how many processes serve them.
type setup struct {
	store    string
	replicas int
}

func (s setup) isDurable() bool { return s.store != memoryStore }

type letterlockPeer struct {
	replicas       []*server
	etcd           *etcdServer
	home           string
	writer, reader *identity
	size           int
	mode           string
	workers        atomic.Int64
}

// startLetterlock starts servers through the shipped program, with writer, reader and grant in their configuration.
func startLetterlock(in setup, size int, mode string) (_ *letterlockPeer, err error) {
	now := time.Now().Unix()
	p := &letterlockPeer{writer: newIdentity("writer", now), reader: newIdentity("reader", now), size: size, mode: mode}
	defer func() {
		if err != nil {
			p.stop()
		}
	}()
	if p.home, err = os.MkdirTemp(*work, "operator-"); err != nil {
		return p, err
	}
	one := operator{*letterlock, p.home}
	certificates, err := one.makeAdmins()
	if err != nil {
		return p, err
	}
	store := map[string]any{"memory": map[string]any{}}
	if in.isDurable() {
		parent := *work
		if in.store == tmpfsStore {
			parent = *tmpfs
		}
		if p.etcd, err = startEtcd(*etcd, parent); err != nil {
			return p, err
		}
		store = map[string]any{"etcd": map[string]any{"endpoints": []string{p.etcd.endpoint},
			"caFile": p.etcd.caFile, "certFile": p.etcd.certFile, "keyFile": p.etcd.keyFile}}
	}
	for index := range in.replicas {
		replica, err := p.startReplica(store, certificates)
		if err != nil {
			return p, err
		}
		p.replicas = append(p.replicas, replica)
		switch {
		case !in.isDurable():
		case index == 0:
			err = one.initialise(replica, certificates)
		default:
			err = one.unseal(replica)
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

func (p *letterlockPeer) startReplica(store map[string]any, certificates []string) (*server, error) {
	folder, err := os.MkdirTemp(*work, "letterlock-")
	if err != nil {
		return nil, err
	}
	address := freeAddress()
	sinks := []string{}
	if *sink {
		sinks = append(sinks, "file:"+filepath.Join(folder, "audit.jsonl"))
	}
	// YAML reads JSON.
	configuration := must(json.Marshal(map[string]any{
		"trustDomain": "bench.example", "store": store,
		"listen": map[string]any{"direct": address, "health": "none"}, "publicOrigins": []string{"https://" + address},
		"init":       map[string]any{"certificates": certificates, "threshold": 1},
		"identities": []string{p.writer.keyset, p.reader.keyset},
		"grants":     []any{map[string]any{"who": p.writer.id, "verbs": []string{"wrap"}, "path": "bench"}},
		"quotas":     map[string]any{"liveWrapsPerIdentity": 10_000_000},
		"audit":      map[string]any{"sinks": sinks},
		"log":        map[string]any{"level": "error"},
	}))
	file := filepath.Join(folder, "letterlock.yaml")
	if err := os.WriteFile(file, configuration, 0o600); err != nil {
		return nil, err
	}
	s, err := launch(folder, address, nil, *letterlock, "server", "--config", file)
	if err != nil {
		return nil, err
	}
	if err := s.waitUntilListening(20 * time.Second); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

func (p *letterlockPeer) stop() {
	for _, replica := range p.replicas {
		replica.stop()
	}
	if p.etcd != nil {
		p.etcd.stop()
	}
	os.RemoveAll(p.home)
}

func (p *letterlockPeer) processes() (own, store []*server) {
	if p.etcd != nil {
		store = append(store, p.etcd.server)
	}
	return p.replicas, store
}

func (p *letterlockPeer) calls() (storeCalls, error) {
	if p.etcd == nil {
		return storeCalls{}, nil
	}
	return p.etcd.calls()
}

// steps are what one turn of the loop does; with `open` the wraps are stored before the clock starts.
func (p *letterlockPeer) steps() []string {
	return map[string][]string{"cycle": {"wrap", "open", "ack"}, "wrap": {"wrap"}, "open": {"open"}}[p.mode]
}

// session is one connection to one replica.
type session struct {
	connection              *connection
	origin, exporter, nonce string
}

func (p *letterlockPeer) session(index int64) (*session, error) {
	address := p.replicas[index%int64(len(p.replicas))].address
	c, err := dial(address)
	if err != nil {
		return nil, err
	}
	state, err := c.send("GET", "/v1/sys/state", nil)
	if err != nil {
		return nil, err
	}
	return &session{connection: c, origin: "https://" + address, exporter: c.exporter(), nonce: state.header.Get("Replay-Nonce")}, nil
}

// letterlockWorker writes at one replica and reads at the next: writer and reader are two programs that know nothing of each other.
type letterlockWorker struct {
	peer        *letterlockPeer
	write, read *session
	supply      *supply
	rpk         string
	stored      []string
}

func (p *letterlockPeer) worker() (worker, error) {
	index := p.workers.Add(1)
	write, err := p.session(index)
	if err != nil {
		return nil, err
	}
	read := write
	if len(p.replicas) > 1 {
		if read, err = p.session(index + 1); err != nil {
			return nil, err
		}
	}
	ephemeral := newIdentity("", 0).enc
	return &letterlockWorker{peer: p, write: write, read: read, supply: newSupply(p), rpk: string(jcs(jwkOf(ephemeral.PublicKey())))}, nil
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

func (w *letterlockWorker) close() {
	w.write.connection.tls.Close()
	w.read.connection.tls.Close()
}

func (s *session) call(who *identity, method, path string, body []byte, want int) ([]byte, error) {
	proof := who.proof(method, s.origin+path, hash43(body), s.nonce, s.exporter, time.Now().Unix())
	got, err := s.connection.send(method, path, body, "Authorization: Letterlock "+proof)
	if err != nil {
		return nil, err
	}
	s.nonce = got.header.Get("Replay-Nonce")
	if got.status != want {
		return nil, fmt.Errorf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got.body, nil
}

// wrap stores the next envelope of the supply and remembers its id.
func (w *letterlockWorker) wrap() error {
	id, body := w.supply.take()
	_, err := w.write.call(w.peer.writer, "POST", "/v1/wraps", body, 201)
	w.stored = append(w.stored, id)
	return err
}

// open claims the wrap that was stored last, and gives its id and the claim's.
func (w *letterlockWorker) open() (id, claim string, err error) {
	last := len(w.stored) - 1
	id, w.stored = w.stored[last], w.stored[:last]
	claim = b64.EncodeToString(randomBytes(16))
	data, err := w.read.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/open", fmt.Appendf(nil, `{"cid":"%s","rpk":%s}`, claim, w.rpk), 200)
	if err == nil && len(data) < w.peer.size {
		err = fmt.Errorf("an open answered with %d bytes", len(data))
	}
	return id, claim, err
}

func (w *letterlockWorker) acknowledge(id, claim string) error {
	_, err := w.read.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/ack", fmt.Appendf(nil, `{"cid":"%s"}`, claim), 200)
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
	_, err = w.read.call(w.peer.reader, "POST", "/v1/wraps/"+id+"/open", fmt.Appendf(nil, `{"cid":"%s"}`, b64.EncodeToString(randomBytes(16))), 410)
	return err
}

// fillStore stores wraps that nobody opens, over several connections, for the run with many stored wraps.
func (p *letterlockPeer) fillStore(count int) error {
	const connections = 16
	var group sync.WaitGroup
	failures := make(chan error, connections)
	for range connections {
		group.Go(func() {
			one, err := p.worker()
			if err != nil {
				failures <- err
				return
			}
			defer one.close()
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
