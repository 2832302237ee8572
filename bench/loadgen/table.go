package main

// The tables that a person reads: one row a run, and the ratios of runs taken in turn.

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

func machine() string {
	model := "unknown processor"
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if name, found := strings.CutPrefix(line, "model name"); found {
			model = strings.TrimSpace(strings.TrimLeft(name, "\t :"))
			break
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

func table(rows []result) {
	fmt.Printf("\nMachine: %s. Closed loop over TLS 1.3 keep-alive; audit on; %s counted a run.\n\n", machine(), *span)
	fmt.Println("| server | what | size | c | per second | server CPU-s/1,000 | generator CPU-s/1,000 | peak MiB | latency p50/p95/p99 ms |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		parts := []string{}
		for _, step := range []string{"wrap", "open", "ack", "unwrap"} {
			if q, found := r.Milliseconds[step]; found {
				parts = append(parts, fmt.Sprintf("%s %.1f/%.1f/%.1f", step, q.P50, q.P95, q.P99))
			}
		}
		name := r.Peer
		if r.Stored > 0 {
			name = fmt.Sprintf("%s, %d stored", name, r.Stored)
		}
		fmt.Printf("| %s | %s | %d | %d | %.0f | %.3f | %.3f | %.0f | %s |\n", name, r.Mode, r.SizeBytes, r.Concurrency, r.CyclesPerSec, r.CPUPer1000, r.OwnPer1000, r.PeakMiB, strings.Join(parts, "; "))
	}
	ratios(rows)
}

// ratios compares medians of each peer with those of Letterlock, by size and concurrency.
func ratios(rows []result) {
	type key struct {
		peer          string
		size, workers int
	}
	speed, cpu := map[key][]float64{}, map[key][]float64{}
	order := []key{}
	for _, r := range rows {
		if r.Mode != "cycle" {
			continue
		}
		k := key{r.Peer, r.SizeBytes, r.Concurrency}
		if len(speed[k]) == 0 && r.Peer != letterlockName {
			order = append(order, k)
		}
		speed[k], cpu[k] = append(speed[k], r.CyclesPerSec), append(cpu[k], r.CPUPer1000)
	}
	if len(order) == 0 {
		return
	}
	fmt.Println("\n| Letterlock against | size | c | cycles/s | server CPU per cycle |")
	fmt.Println("|---|---|---|---|---|")
	for _, k := range order {
		ours := key{letterlockName, k.size, k.workers}
		fmt.Printf("| %s | %d | %d | %.2f times | %.2f times |\n", k.peer, k.size, k.workers,
			median(speed[ours])/median(speed[k]), median(cpu[ours])/median(cpu[k]))
	}
}
