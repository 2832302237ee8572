// loadgen measures Letterlock's wrap, open and acknowledge in a closed loop, and beside it the wrap and unwrap of
// OpenBao. It starts each server itself on loopback, prints one JSON line a run, then tables, and stops what it started.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/big"
	"net"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

type peer interface {
	worker() (worker, error)
	steps() []string
	stop()
	// processes are the peer's own, and those of a store beside them.
	processes() (own, store []*server)
	// calls are those of a store beside the peer; none without one.
	calls() (storeCalls, error)
}

type worker interface {
	prepare(cycles int) error
	prepared() int
	cycle() ([]time.Duration, error)
	check() error
	close()
}

var (
	letterlock  = flag.String("letterlock", "", "the letterlock program")
	bao         = flag.String("bao", "", "the bao program; several with commas; empty: no peer")
	work        = flag.String("work", os.TempDir(), "folder for the servers' state")
	span        = flag.Duration("span", 6*time.Second, "counted time of a run")
	warmup      = flag.Duration("warmup", 2*time.Second, "time before counting starts")
	sizes       = flag.String("sizes", "1024,65536", "content sizes in bytes")
	concurrency = flag.String("concurrency", "1,16,64", "numbers of workers")
	repeat      = flag.Int("repeat", 1, "rounds; in each, the servers take turns")
	modes       = flag.String("modes", "cycle", "what a turn of the loop does: cycle (all of it), wrap, open; the last two for Letterlock only")
	stored      = flag.Int("stored", 0, "measure, store so many wraps that nobody opens, and measure again on the same servers (Letterlock only)")
	stores      = flag.String("stores", memoryStore, "stores of Letterlock: "+memoryStore+", "+diskStore+" (fsync on the disk of -work), "+tmpfsStore)
	replicas    = flag.String("replicas", "1", "numbers of servers on one etcd")
	storages    = flag.String("bao-storages", memoryStorage, "storages of the peer: "+memoryStorage+", "+raftStorage)
	etcd        = flag.String("etcd", "", "the etcd program")
	tmpfs       = flag.String("tmpfs", "/dev/shm", "folder on a file system in memory")
	sink        = flag.Bool("audit-file", false, "let Letterlock copy its audit records to a file too; its store has them in any case")
)

type quantiles struct {
	P50, P95, P99 float64
}

type result struct {
	Peer         string  `json:"peer"`
	Store        string  `json:"store"`
	Replicas     int     `json:"replicas"`
	Mode         string  `json:"mode"`
	SizeBytes    int     `json:"size_bytes"`
	Concurrency  int     `json:"concurrency"`
	Stored       int     `json:"stored"`
	CyclesPerSec float64 `json:"cycles_per_second"`
	// CPU of all servers and of the store beside them.
	CPUPer1000   float64 `json:"server_cpu_seconds_per_1000_cycles"`
	StorePer1000 float64 `json:"of_it_store_cpu_seconds_per_1000_cycles"`
	OwnPer1000   float64 `json:"generator_cpu_seconds_per_1000_cycles"`
	// Of the server that had the highest.
	PeakMiB              float64              `json:"server_peak_mib"`
	StorePeakMiB         float64              `json:"store_peak_mib"`
	TransactionsPerCycle float64              `json:"store_transactions_per_cycle"`
	ReadsPerCycle        float64              `json:"store_reads_per_cycle"`
	SyncsPerCycle        float64              `json:"store_syncs_per_cycle"`
	Milliseconds         map[string]quantiles `json:"milliseconds"`
}

func numbers(list string) (all []int) {
	for _, item := range strings.Split(list, ",") {
		all = append(all, must(strconv.Atoi(item)))
	}
	return all
}

// selfSigned makes a P-256 certificate for this machine; the private key goes to key when asked for.
func selfSigned(name string, key *[]byte) []byte {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}}
	if key != nil {
		*key = must(x509.MarshalPKCS8PrivateKey(private))
	}
	return must(x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private))
}

// measure runs one closed loop. Envelopes for it are prepared before the warm-up, from the rate that a short trial shows.
func measure(p peer, what row) (result, error) {
	workers := what.workers
	own, store := p.processes()
	for _, one := range slices.Concat(own, store) {
		one.resetPeak()
	}
	all := make([]worker, workers)
	for i := range all {
		one, err := p.worker()
		if err != nil {
			return result{}, err
		}
		all[i] = one
	}
	if err := all[0].check(); err != nil {
		return result{}, err
	}
	run := func(length time.Duration, keep bool) (cycles int, latencies [][]time.Duration, err error) {
		var lock sync.Mutex
		var group sync.WaitGroup
		end := time.Now().Add(length)
		for _, w := range all {
			group.Go(func() {
				count := 0
				own := make([][]time.Duration, len(p.steps()))
				for time.Now().Before(end) && w.prepared() > 0 {
					took, failure := w.cycle()
					if failure != nil {
						lock.Lock()
						err = errors.Join(err, failure)
						lock.Unlock()
						return
					}
					count++
					for step, one := range took {
						own[step] = append(own[step], one)
					}
				}
				lock.Lock()
				defer lock.Unlock()
				cycles += count
				if keep {
					latencies = append(latencies, own...)
				}
			})
		}
		group.Wait()
		return cycles, latencies, err
	}
	prepare := func(cycles int) error {
		var group sync.WaitGroup
		failures := make(chan error, len(all))
		for _, w := range all {
			group.Go(func() { failures <- w.prepare(cycles/len(all) + 8) })
		}
		group.Wait()
		close(failures)
		var err error
		for failure := range failures {
			err = errors.Join(err, failure)
		}
		return err
	}
	const trial = time.Second
	if err := prepare(4000); err != nil {
		return result{}, err
	}
	fast, _, err := run(trial, false)
	if err != nil {
		return result{}, err
	}
	seconds := (*warmup + *span).Seconds() / trial.Seconds()
	if err := prepare(int(float64(fast)*seconds*1.6) + 500); err != nil {
		return result{}, err
	}
	if _, _, err := run(*warmup, false); err != nil {
		return result{}, err
	}
	runtime.GC()
	before, err := p.calls()
	if err != nil {
		return result{}, err
	}
	ownCPU, storeCPU, generatorCPU, start := cpuSecondsOf(own), cpuSecondsOf(store), ownCPUSeconds(), time.Now()
	cycles, latencies, err := run(*span, true)
	took := time.Since(start)
	ownCPU, storeCPU, generatorCPU = cpuSecondsOf(own)-ownCPU, cpuSecondsOf(store)-storeCPU, ownCPUSeconds()-generatorCPU
	if err != nil {
		return result{}, err
	}
	after, err := p.calls()
	if err != nil {
		return result{}, err
	}
	for _, w := range all {
		if w.prepared() == 0 {
			return result{}, errors.New("the prepared envelopes ran out before the time did")
		}
		w.close()
	}
	count := float64(cycles)
	r := result{Mode: what.mode, SizeBytes: what.size, Concurrency: workers, CyclesPerSec: count / took.Seconds(),
		CPUPer1000: (ownCPU + storeCPU) / count * 1000, StorePer1000: storeCPU / count * 1000, OwnPer1000: generatorCPU / count * 1000,
		PeakMiB: largestMiB(own), StorePeakMiB: largestMiB(store),
		TransactionsPerCycle: (after.transactions - before.transactions) / count, ReadsPerCycle: (after.reads - before.reads) / count,
		SyncsPerCycle: (after.syncs - before.syncs) / count, Milliseconds: map[string]quantiles{}}
	for step, label := range p.steps() {
		var merged []time.Duration
		for i := step; i < len(latencies); i += len(p.steps()) {
			merged = append(merged, latencies[i]...)
		}
		slices.Sort(merged)
		at := func(q float64) float64 { return float64(merged[int(q*float64(len(merged)-1))].Microseconds()) / 1000 }
		r.Milliseconds[label] = quantiles{at(0.5), at(0.95), at(0.99)}
	}
	return r, nil
}

const letterlockName = "letterlock"

// contender is one server program in one set-up; replicas is 0 for a program that has none.
type contender struct {
	name, store string
	replicas    int
	start       func(what row) (peer, error)
}

// row is what one run measures.
type row struct {
	mode          string
	size, workers int
}

// run starts the servers of one contender, measures one row and stops them; whatever fails ends the program.
func run(one contender, what row) result {
	p, err := one.start(what)
	if err != nil {
		log.Fatalf("%s, %s: %v", one.name, one.store, err)
	}
	defer p.stop()
	return measured(one, p, what, 0)
}

// runFilled measures rows on one set of servers twice: without and with many stored wraps.
func runFilled(one contender, rows []row) (results []result) {
	started, err := one.start(rows[0])
	if err != nil {
		log.Fatalf("%s, %s: %v", one.name, one.store, err)
	}
	p := started.(*letterlockPeer)
	defer p.stop()
	for _, held := range []int{0, *stored} {
		if held > 0 {
			start := time.Now()
			p.size = rows[0].size
			if err := p.fillStore(held); err != nil {
				p.stop()
				log.Fatal(err)
			}
			fmt.Fprintf(os.Stderr, "stored %d wraps in %.0f s\n", held, time.Since(start).Seconds())
		}
		for _, what := range rows {
			p.size, p.mode = what.size, what.mode
			results = append(results, measured(one, p, what, held))
		}
	}
	return results
}

func measured(one contender, p peer, what row, held int) result {
	r, err := measure(p, what)
	if err != nil {
		p.stop()
		log.Fatalf("%s, %s: %v", one.name, one.store, err)
	}
	r.Peer, r.Store, r.Replicas, r.Stored = one.name, one.store, one.replicas, held
	line, _ := json.Marshal(r)
	fmt.Fprintln(os.Stderr, string(line))
	return r
}

func contenders() (all []contender) {
	for _, store := range strings.Split(*stores, ",") {
		if !slices.Contains([]string{memoryStore, diskStore, tmpfsStore}, store) {
			log.Fatalf("there is no store %q", store)
		}
		if store != memoryStore && *etcd == "" {
			log.Fatal("the etcd program is missing: -etcd PROGRAM")
		}
		for _, count := range numbers(*replicas) {
			if count != 1 && store == memoryStore {
				continue
			}
			in := setup{store, count}
			all = append(all, contender{letterlockName, store, count,
				func(what row) (peer, error) { return startLetterlock(in, what.size, what.mode) }})
		}
	}
	for _, program := range strings.FieldsFunc(*bao, func(r rune) bool { return r == ',' }) {
		name := program[strings.LastIndexByte(program, '/')+1:]
		for _, storage := range strings.Split(*storages, ",") {
			all = append(all, contender{name, storage, 0,
				func(what row) (peer, error) { return startOpenBao(program, storage, what.size) }})
		}
	}
	return all
}

func rows() (all []row) {
	for _, mode := range strings.Split(*modes, ",") {
		if !slices.Contains([]string{"cycle", "wrap", "open"}, mode) {
			log.Fatalf("there is no mode %q", mode)
		}
		for _, size := range numbers(*sizes) {
			for _, workers := range numbers(*concurrency) {
				all = append(all, row{mode, size, workers})
			}
		}
	}
	return all
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *letterlock == "" {
		log.Fatal("usage: loadgen -letterlock PROGRAM [-etcd PROGRAM] [-bao PROGRAM[,PROGRAM]] [-span 6s] [-sizes 1024] [-concurrency 16]")
	}
	if err := os.MkdirAll(*work, 0o700); err != nil {
		log.Fatal(err)
	}
	var results []result
	for _, one := range contenders() {
		if *stored > 0 && one.name == letterlockName {
			results = append(results, runFilled(one, rows())...)
		}
	}
	if *stored == 0 {
		for _, what := range rows() {
			for range *repeat {
				for _, one := range contenders() {
					if what.mode == "cycle" || one.name == letterlockName {
						results = append(results, run(one, what))
					}
				}
			}
		}
	}
	table(results)
}
