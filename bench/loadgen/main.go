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
	cpuSeconds() float64
	peakMiB() float64
}

type worker interface {
	prepare(cycles int) error
	prepared() int
	cycle() ([]time.Duration, error)
	check() error
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
	stored      = flag.Int("stored", 0, "wraps stored before the clock starts (Letterlock only)")
)

type quantiles struct {
	P50, P95, P99 float64
}

type result struct {
	Peer         string               `json:"peer"`
	Mode         string               `json:"mode"`
	SizeBytes    int                  `json:"size_bytes"`
	Concurrency  int                  `json:"concurrency"`
	Stored       int                  `json:"stored"`
	CyclesPerSec float64              `json:"cycles_per_second"`
	CPUPer1000   float64              `json:"server_cpu_seconds_per_1000_cycles"`
	OwnPer1000   float64              `json:"generator_cpu_seconds_per_1000_cycles"`
	PeakMiB      float64              `json:"server_peak_mib"`
	Milliseconds map[string]quantiles `json:"milliseconds"`
}

func numbers(list string) (all []int) {
	for _, item := range strings.Split(list, ",") {
		all = append(all, must(strconv.Atoi(item)))
	}
	return all
}

// selfSigned makes a P-256 certificate for 127.0.0.1; the private key goes to key when asked for.
func selfSigned(name string, key *[]byte) []byte {
	private := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	if key != nil {
		*key = must(x509.MarshalPKCS8PrivateKey(private))
	}
	return must(x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private))
}

// measure runs one closed loop. Envelopes for it are prepared before the warm-up, from the rate that a short trial shows.
func measure(name, mode string, p peer, size, workers int) (result, error) {
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
	cpu, own, start := p.cpuSeconds(), ownCPUSeconds(), time.Now()
	cycles, latencies, err := run(*span, true)
	took := time.Since(start)
	if err != nil {
		return result{}, err
	}
	for _, w := range all {
		if w.prepared() == 0 {
			return result{}, errors.New("the prepared envelopes ran out before the time did")
		}
	}
	r := result{Peer: name, Mode: mode, SizeBytes: size, Concurrency: workers, Stored: *stored, CyclesPerSec: float64(cycles) / took.Seconds(),
		CPUPer1000: (p.cpuSeconds() - cpu) / float64(cycles) * 1000, OwnPer1000: (ownCPUSeconds() - own) / float64(cycles) * 1000,
		PeakMiB: p.peakMiB(), Milliseconds: map[string]quantiles{}}
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

type contender struct {
	name  string
	start func(size int, mode string) (peer, error)
}

// run starts one server, measures one row and stops the server; whatever fails ends the program.
func run(one contender, mode string, size, workers int) result {
	p, err := one.start(size, mode)
	if err != nil {
		log.Fatalf("%s: %v", one.name, err)
	}
	if ours, yes := p.(*letterlockPeer); yes && *stored > 0 {
		fmt.Fprintf(os.Stderr, "storing %d wraps\n", *stored)
		if err := ours.fillStore(*stored); err != nil {
			p.stop()
			log.Fatal(err)
		}
	}
	r, err := measure(one.name, mode, p, size, workers)
	p.stop()
	if err != nil {
		log.Fatalf("%s: %v", one.name, err)
	}
	line, _ := json.Marshal(r)
	fmt.Fprintln(os.Stderr, string(line))
	return r
}

func main() {
	log.SetFlags(0)
	flag.Parse()
	if *letterlock == "" {
		log.Fatal("usage: loadgen -letterlock PROGRAM [-bao PROGRAM[,PROGRAM]] [-span 6s] [-sizes 1024] [-concurrency 16]")
	}
	if err := os.MkdirAll(*work, 0o700); err != nil {
		log.Fatal(err)
	}
	contenders := []contender{{letterlockName, func(size int, mode string) (peer, error) { return startLetterlock(*letterlock, *work, size, mode) }}}
	for _, program := range strings.FieldsFunc(*bao, func(r rune) bool { return r == ',' }) {
		name := program[strings.LastIndexByte(program, '/')+1:]
		contenders = append(contenders, contender{name, func(size int, _ string) (peer, error) { return startOpenBao(program, *work, size) }})
	}
	var rows []result
	for _, mode := range strings.Split(*modes, ",") {
		if !slices.Contains([]string{"cycle", "wrap", "open"}, mode) {
			log.Fatalf("there is no mode %q", mode)
		}
		for _, size := range numbers(*sizes) {
			for _, workers := range numbers(*concurrency) {
				for range *repeat {
					for _, one := range contenders {
						if mode == "cycle" || one.name == letterlockName {
							rows = append(rows, run(one, mode, size, workers))
						}
					}
				}
			}
		}
	}
	table(rows)
}
