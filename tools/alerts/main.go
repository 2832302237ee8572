// Command alerts holds alert rules to what was really scraped: Prometheus' own reader of rule files, and its own engine.
// It reads a question as JSON from standard input and answers on standard output; it must never reach a network.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/textparse"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// question names a rule file and what targets exported at some times. The rules are evaluated at the last of these.
type question struct {
	Rules   string   `json:"rules"`
	Scrapes []scrape `json:"scrapes"`
}

type scrape struct {
	Job      string `json:"job"`
	Instance string `json:"instance"`
	Seconds  int64  `json:"seconds"`
	Text     string `json:"text"`
}

type answer struct {
	// Names of all alerts, in the order of the file.
	Alerts []string `json:"alerts"`
	// Those whose expression holds for something.
	Holding []string `json:"holding"`
	// Selectors of the rules that match nothing that was ever scraped, and labels that rules group by and no series has.
	Unknown []string `json:"unknown"`
}

func main() {
	log.SetFlags(0)
	given, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	asked := question{}
	if err := json.Unmarshal(given, &asked); err != nil {
		log.Fatal(err)
	}
	found, err := evaluate(asked)
	if err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func evaluate(asked question) (answer, error) {
	found := answer{Alerts: []string{}, Holding: []string{}, Unknown: []string{}}
	reader := parser.NewParser(parser.Options{})
	logger := promslog.NewNopLogger()
	groups, faults := rulefmt.ParseFile(asked.Rules, false, model.UTF8Validation, reader, logger)
	if len(faults) > 0 {
		return found, errors.Join(faults...)
	}
	stored, last, err := store(asked.Scrapes)
	if err != nil {
		return found, err
	}
	engine := promql.NewEngine(promql.EngineOpts{Logger: logger, MaxSamples: 1_000_000, Timeout: 10 * time.Second, Parser: reader})
	for _, group := range groups.Groups {
		for _, rule := range group.Rules {
			found.Alerts = append(found.Alerts, rule.Alert)
			expression, err := reader.ParseExpr(rule.Expr)
			if err != nil {
				return found, err
			}
			found.Unknown = append(found.Unknown, stored.unknown(rule.Alert, expression)...)
			query, err := engine.NewInstantQuery(context.Background(), stored, promql.NewPrometheusQueryOpts(false, 0), rule.Expr, time.Unix(last, 0))
			if err != nil {
				return found, err
			}
			vector, err := query.Exec(context.Background()).Vector()
			if err != nil {
				return found, fmt.Errorf("%s: %w", rule.Alert, err)
			}
			if len(vector) > 0 {
				found.Holding = append(found.Holding, rule.Alert)
			}
			query.Close()
		}
	}
	return found, nil
}

// unknown checks selectors: the metric is there with every label that is asked for, and with the very value where one is named.
func (s *series) unknown(alert string, expression parser.Expr) (faults []string) {
	exported := map[string]bool{}
	for _, one := range s.all {
		one.Labels().Range(func(label labels.Label) { exported[label.Name] = true })
	}
	parser.Inspect(expression, func(node parser.Node, _ []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			isThere := slices.ContainsFunc(s.all, func(one storage.Series) bool {
				return !slices.ContainsFunc(node.LabelMatchers, func(matcher *labels.Matcher) bool {
					value := one.Labels().Get(matcher.Name)
					return value == "" || (matcher.Type == labels.MatchEqual && !matcher.Matches(value))
				})
			})
			if !isThere {
				faults = append(faults, alert+": "+node.String())
			}
		case *parser.AggregateExpr:
			for _, label := range node.Grouping {
				if !exported[label] {
					faults = append(faults, alert+": by "+label)
				}
			}
		}
		return nil
	})
	return faults
}

// series are all samples, by label set.
type series struct{ all []storage.Series }

func store(scrapes []scrape) (*series, int64, error) {
	last := int64(math.MinInt64)
	samples, sets := map[string][]chunks.Sample{}, map[string]labels.Labels{}
	for _, one := range scrapes {
		last = max(last, one.Seconds)
		reader := textparse.NewPromParser([]byte(one.Text), labels.NewSymbolTable(), false)
		for {
			kind, err := reader.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, 0, err
			}
			if kind != textparse.EntrySeries {
				continue
			}
			set := labels.Labels{}
			reader.Labels(&set)
			builder := labels.NewBuilder(set)
			builder.Set("job", one.Job).Set("instance", one.Instance)
			set = builder.Labels()
			_, _, value := reader.Series()
			name := set.String()
			sets[name], samples[name] = set, append(samples[name], sample{t: one.Seconds * 1000, f: value})
		}
	}
	stored := &series{}
	for name, set := range sets {
		slices.SortFunc(samples[name], func(a, b chunks.Sample) int { return int(a.T() - b.T()) })
		stored.all = append(stored.all, storage.NewListSeries(set, samples[name]))
	}
	slices.SortFunc(stored.all, func(a, b storage.Series) int { return strings.Compare(a.Labels().String(), b.Labels().String()) })
	return stored, last, nil
}

func (s *series) Querier(_, _ int64) (storage.Querier, error) {
	return &storage.MockQuerier{SelectMockFunction: func(_ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
		chosen := &selected{at: -1}
		for _, one := range s.all {
			if !slices.ContainsFunc(matchers, func(matcher *labels.Matcher) bool { return !matcher.Matches(one.Labels().Get(matcher.Name)) }) {
				chosen.all = append(chosen.all, one)
			}
		}
		return chosen
	}}, nil
}
