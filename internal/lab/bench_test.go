//go:build linux

package lab

import (
	"testing"
	"time"
)

// The benchmarks hold the budgets of a round: they report the wall time and the CPU time of the real binary, not Go's ns/op.
//
//	go test ./internal/lab -run '^$' -bench . -benchtime 5x

// BenchmarkHealthyRound50ms is a round where every target is 50 ms away and the link-local services are near.
func BenchmarkHealthyRound50ms(b *testing.B) {
	benchmarkRound(b, "endpoints-only", 1.25*4*0.05, func(s *Scenario) { // TLS 1.3: four round trips
		s.Topology.NAT = true // so that the control targets answer too: waiting for silence is another benchmark
		s.Topology.Latency = Duration{50 * time.Millisecond}
		s.Run.Args = []string{"probe", "ssm", "s3", "identity", "agent", "host"}
	})
}

// BenchmarkHealthyRepositories50ms is the same with Amazon Linux's repositories: the list of mirrors, then the metadata on a
// connection of its own, which makes seven round trips.
func BenchmarkHealthyRepositories50ms(b *testing.B) {
	benchmarkRound(b, "endpoints-only", 1.25*7*0.05, func(s *Scenario) {
		s.Topology.NAT = true
		s.Topology.Latency = Duration{50 * time.Millisecond}
	})
}

// BenchmarkBlackHole is a round where every address swallows packets and names still resolve.
func BenchmarkBlackHole(b *testing.B) {
	benchmarkRound(b, "endpoints-only", 6, func(s *Scenario) {
		s.Faults = []Fault{{Drop: &PacketFault{To: []string{"everything"}, Port: -1}}}
	})
}

// BenchmarkTLSStall is a round where every server accepts and then says nothing.
func BenchmarkTLSStall(b *testing.B) {
	benchmarkRound(b, "nat-only", 12, func(s *Scenario) {
		s.Faults = []Fault{{TLS: &ServerFault{Services: []string{"*"}, Mode: "silent"}}}
	})
}

func benchmarkRound(b *testing.B, name string, budget float64, change func(*Scenario)) {
	needLab(b)
	s, err := ReadScenario(name)
	if err != nil {
		b.Fatal(err)
	}
	change(&s)
	v, err := Build(s)
	if err != nil {
		b.Fatal(err)
	}
	defer v.Close()
	var wall, cpu time.Duration
	var memory int64
	rounds := 0
	for b.Loop() {
		result, err := v.Run("--output", "json")
		if err != nil {
			b.Fatal(err)
		}
		wall, cpu, memory, rounds = wall+result.Wall, cpu+result.CPU, max(memory, result.MaxRSS), rounds+1
	}
	b.ReportMetric(wall.Seconds()/float64(rounds), "wall-s")
	b.ReportMetric(budget, "budget-s")
	b.ReportMetric(float64(cpu.Milliseconds())/float64(rounds), "cpu-ms")
	b.ReportMetric(float64(memory)/1024, "rss-MiB")
}
