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
	fmt.Printf("\nMachine: %s. Closed loop over TLS 1.3 keep-alive; audit on; %s counted a run. CPU of a server includes its store's.\n\n", machine(), *span)
	fmt.Println("| server | what | size | c | per second | server CPU-s/1,000 | of it store | generator | peak MiB | store's | transactions, reads, syncs each | latency p50/p95/p99 ms |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|---|---|")
	for _, r := range rows {
		parts := []string{}
		for _, step := range []string{"wrap", "open", "ack", "unwrap"} {
			if q, found := r.Milliseconds[step]; found {
				parts = append(parts, fmt.Sprintf("%s %.1f/%.1f/%.1f", step, q.P50, q.P95, q.P99))
			}
		}
		storePart, storePeak, calls := "–", "–", "–"
		if r.StorePeakMiB > 0 {
			storePart, storePeak = fmt.Sprintf("%.3f", r.StorePer1000), fmt.Sprintf("%.0f", r.StorePeakMiB)
			calls = fmt.Sprintf("%.2f, %.2f, %.2f", r.TransactionsPerCycle, r.ReadsPerCycle, r.SyncsPerCycle)
		}
		fmt.Printf("| %s | %s | %d | %d | %.0f | %.3f | %s | %.3f | %.0f | %s | %s | %s |\n", r.label(), r.Mode, r.SizeBytes, r.Concurrency,
			r.CyclesPerSec, r.CPUPer1000, storePart, r.OwnPer1000, r.PeakMiB, storePeak, calls, strings.Join(parts, "; "))
	}
	ratios(rows)
	growth(rows, "| replicas against one |", func(r result) bool { return r.Stored == 0 && r.Replicas > 1 },
		func(r, base result) bool { return base.Stored == 0 && base.Replicas == 1 && base.Store == r.Store })
	growth(rows, "| stored wraps against none |", func(r result) bool { return r.Stored > 0 },
		func(r, base result) bool {
			return base.Stored == 0 && base.Replicas == r.Replicas && base.Store == r.Store
		})
}

// label names the program and its set-up.
func (r result) label() string {
	name := r.Peer + ", " + r.Store
	if r.Replicas > 1 {
		name += fmt.Sprintf(", %d replicas", r.Replicas)
	}
	if r.Stored > 0 {
		name += fmt.Sprintf(", %d stored", r.Stored)
	}
	return name
}

// medians are those of all runs of one label and row.
type medians struct{ speed, cpu, wrap, cycle, peak float64 }

func mediansOf(rows []result, belongs func(result) bool) (m medians, found bool) {
	var speed, cpu, wrap, cycle, peak []float64
	for _, r := range rows {
		if !belongs(r) {
			continue
		}
		total := 0.0
		for _, q := range r.Milliseconds {
			total += q.P50
		}
		speed, cpu, wrap = append(speed, r.CyclesPerSec), append(cpu, r.CPUPer1000), append(wrap, r.Milliseconds["wrap"].P50)
		cycle, peak = append(cycle, total), append(peak, r.PeakMiB)
	}
	if len(speed) == 0 {
		return medians{}, false
	}
	return medians{median(speed), median(cpu), median(wrap), median(cycle), median(peak)}, true
}

// isLike says whether two runs had the same load.
func (r result) isLike(other result) bool {
	return r.Mode == other.Mode && r.SizeBytes == other.SizeBytes && r.Concurrency == other.Concurrency
}

// firsts gives one run of each label and row, in the order in which they came.
func firsts(rows []result, wanted func(result) bool) (all []result) {
	for _, r := range rows {
		isKnown := slices.ContainsFunc(all, func(one result) bool { return one.label() == r.label() && one.isLike(r) })
		if wanted(r) && !isKnown {
			all = append(all, r)
		}
	}
	return all
}

// ratios compares one server of Letterlock with each peer that keeps its data the same way.
func ratios(rows []result) {
	others := firsts(rows, func(r result) bool { return r.Peer != letterlockName })
	if len(others) == 0 {
		return
	}
	fmt.Println("\n| Letterlock against | size | c | cycles/s | server CPU per cycle | its wrap p50 ms |")
	fmt.Println("|---|---|---|---|---|---|")
	for _, other := range others {
		theirs, _ := mediansOf(rows, func(r result) bool { return r.label() == other.label() && r.isLike(other) })
		ourStore := map[string]string{memoryStorage: memoryStore, raftStorage: diskStore}[other.Store]
		ours, found := mediansOf(rows, func(r result) bool {
			return r.Peer == letterlockName && r.Store == ourStore && r.Replicas == 1 && r.Stored == 0 && r.isLike(other)
		})
		if found {
			fmt.Printf("| %s | %d | %d | %.2f times | %.2f times | %.1f |\n", other.label(), other.SizeBytes, other.Concurrency,
				ours.speed/theirs.speed, ours.cpu/theirs.cpu, ours.wrap)
		}
	}
}

// growth compares runs of Letterlock with those that differ in one thing.
func growth(rows []result, title string, wanted func(result) bool, isBase func(r, base result) bool) {
	isTitled := false
	for _, one := range firsts(rows, func(r result) bool { return r.Peer == letterlockName && wanted(r) }) {
		base, found := mediansOf(rows, func(r result) bool { return r.Peer == letterlockName && r.isLike(one) && isBase(one, r) })
		if !found {
			continue
		}
		m, _ := mediansOf(rows, func(r result) bool { return r.label() == one.label() && r.isLike(one) })
		if !isTitled {
			fmt.Printf("\n%s what | size | c | per second | CPU each | latency p50 | peak MiB |\n|---|---|---|---|---|---|---|---|\n", title)
			isTitled = true
		}
		fmt.Printf("| %s | %s | %d | %d | %.2f times | %.2f times | %.2f times | %.0f, was %.0f |\n", one.label(), one.Mode, one.SizeBytes,
			one.Concurrency, m.speed/base.speed, m.cpu/base.cpu, m.cycle/base.cycle, m.peak, base.peak)
	}
}
