package agentlog

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
)

// A busy instance: health reports, associations, commands and sessions, with the
// shares that public logs show; every fiftieth line is a warning or an error.
var busyLines = []string{
	"INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.",
	"INFO [ssm-agent-worker] [MessageService] [Association] Schedule manager refreshed with 2 associations, 0 new associations associated",
	"INFO [ssm-agent-worker] [MessageService] [MGSInteractor] Processing AgentMessage: MessageType - agent_job, Id - 7b2b6f2c-66e3-4f3c-b0a1-1d2f3c4b5a69",
	"INFO [ssm-agent-worker] [MessageService] [MGSInteractor] received ack id 1d2f3c4b-66e3-4f3c-b0a1-7b2b6f2c5a69 for message id 1d2f3c4b-0000-4f3c-b0a1-7b2b6f2c5a69",
	"INFO [ssm-agent-worker] [MessageService] [EngineProcessor] [OutOfProcExecuter] [d6a0b1c2-aaaa-bbbb-cccc-1234567890ab] document worker started, pid: 4711",
	"INFO [ssm-document-worker] [d6a0b1c2-aaaa-bbbb-cccc-1234567890ab] [DataBackend] [pluginName=aws:runShellScript] aws:runShellScript started with configuration {IsPreconditionEnabled}",
	"INFO [ssm-agent-worker] [MessageService] send failed reply thread started",
	"INFO [amazon-ssm-agent] [LongRunningWorkerContainer] [WorkerProvider] Worker ssm-agent-worker is running",
	"INFO EC2RoleProvider Successfully connected with instance profile role credentials",
	"INFO [CredentialRefresher] Next credential rotation will be in 29.99 minutes",
}

var failingLines = []string{
	"ERROR [ssm-agent-worker] [MessageService] [MGSInteractor] Failed to get controlchannel token, error: CreateControlChannel failed with error: createControlChannel request failed: failed to make http client call: Post \"https://ssmmessages.us-east-1.amazonaws.com/v1/control-channel/i-0123456789abcdef0\": dial tcp: lookup ssmmessages.us-east-1.amazonaws.com on 10.0.0.2:53: no such host",
	"ERROR [CredentialRefresher] Retrieve credentials produced error: unexpected error getting instance profile role credentials or calling UpdateInstanceInformation. Skipping default host management fallback: retrieved credentials failed to report to ssm. Error: RequestError: send request failed\ncaused by: Post \"https://ssm.us-east-1.amazonaws.com/\": dial tcp 52.46.1.1:443: i/o timeout",
	"ERROR [ssm-agent-worker] [HealthCheck] error when calling AWS APIs. error details - AccessDeniedException: User: arn:aws:sts::123456789012:assumed-role/web/i-0123456789abcdef0 is not authorized to perform: ssm:UpdateInstanceInformation on resource: arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0 because no identity-based policy allows the ssm:UpdateInstanceInformation action\n\tstatus code: 400, request id: 11111111-2222-3333-4444-555555555555",
	"WARN [ssm-agent-worker] [MessageService] [MGSInteractor] Reach the retry limit 5 for receive messages. Error: websocket: close 1006 (abnormal closure): unexpected EOF",
}

// writeLogs writes a log of size bytes and rolled files of it, oldest first, each
// line some milliseconds after the one before, until end.
func writeLogs(b testing.TB, dir string, files, size int, step time.Duration, end time.Time, lines func(i int) string) {
	b.Helper()
	var texts []string
	for i := range 4000 {
		texts = append(texts, lines(i))
	}
	average := 0
	for _, t := range texts {
		average += len(t) + 26
	}
	average /= len(texts)
	n := files * size / average
	at := end.Add(-time.Duration(n) * step)
	i := 0
	for f := files - 1; f >= 0; f-- {
		name := "amazon-ssm-agent.log"
		if f > 0 {
			name += fmt.Sprintf(".%d", files-f)
		}
		w := make([]byte, 0, size+4096)
		for len(w) < size {
			w = at.AppendFormat(w, "2006-01-02 15:04:05.0000 ")
			w = append(w, texts[i%len(texts)]...)
			w = append(w, '\n')
			at = at.Add(step)
			i++
		}
		if err := os.WriteFile(filepath.Join(dir, name), w, 0o644); err != nil {
			b.Fatal(err)
		}
	}
}

func busy(i int) string {
	if i%50 == 49 {
		return failing(i / 50)
	}
	return busyLines[i%len(busyLines)]
}

// Each failure has its own request, and every tenth its own text.
func failing(i int) string {
	l := failingLines[i%len(failingLines)]
	l = strings.Replace(l, "11111111", fmt.Sprintf("%08x", i), 1)
	if i%10 == 0 {
		l = strings.Replace(l, "error", fmt.Sprintf("error %d", i), 1)
	}
	return l
}

// readAllOf reads logs that all lie after the cut-off, and reports what it took.
func readAllOf(b *testing.B, files, size int, since time.Duration, lines func(int) string) {
	dir := b.TempDir()
	end := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	writeLogs(b, dir, files, size, 20*time.Millisecond, end, lines)
	h := platform.New("", platform.WithClock(func() time.Time { return end }))
	o := Options{Zone: time.UTC}
	l := In(dir + "/")
	b.SetBytes(int64(files * size))
	b.ReportAllocs()
	// What a read holds at most: collected at every quarter more, as a small
	// program would be.
	defer debug.SetGCPercent(debug.SetGCPercent(25))
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got := Read(h, l, end.Add(-since), o)
	runtime.ReadMemStats(&after)
	total := float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20)
	if !got.Known || len(got.Events) == 0 {
		b.Fatalf("read %+v", got)
	}
	cpu := cpuTime()
	for b.Loop() {
		Read(h, l, end.Add(-since), o)
	}
	b.ReportMetric(float64(cpuTime()-cpu)/1e6/float64(b.N), "cpu-ms/op")
	b.ReportMetric(total, "MiB-allocated/read")
	b.ReportMetric(float64(got.BytesRead)/(1<<20), "MiB-read")
}

const rolledSize = 30_000_000

func BenchmarkRead150MB(b *testing.B)        { readAllOf(b, 5, rolledSize, 365*24*time.Hour, busy) }
func BenchmarkRead150MBFailing(b *testing.B) { readAllOf(b, 5, rolledSize, 365*24*time.Hour, failing) }
func BenchmarkReadLastHour(b *testing.B)     { readAllOf(b, 5, rolledSize, time.Hour, busy) }

func BenchmarkPollUnchanged(b *testing.B) {
	dir := b.TempDir()
	end := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	writeLogs(b, dir, 2, 1<<20, 20*time.Millisecond, end, busy)
	h := platform.New("", platform.WithClock(func() time.Time { return end.Add(time.Minute) }))
	f := NewFollower(In(dir+"/"), Options{Zone: time.UTC})
	f.Poll(h)
	f.Poll(h)
	b.ReportAllocs()
	for b.Loop() {
		f.Poll(h)
	}
}

// What a look at the two files costs by itself.
func BenchmarkStatOnly(b *testing.B) {
	dir := b.TempDir()
	end := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	writeLogs(b, dir, 1, 1<<10, time.Second, end, busy)
	h := platform.New("")
	b.ReportAllocs()
	for b.Loop() {
		_, _ = h.Stat(dir + "/amazon-ssm-agent.log")
		_, _ = h.Stat(dir + "/hibernate.log")
	}
}

func BenchmarkPollOneLine(b *testing.B) {
	dir := b.TempDir()
	end := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	writeLogs(b, dir, 1, 1<<20, 20*time.Millisecond, end, busy)
	h := platform.New("", platform.WithClock(func() time.Time { return end }))
	f := NewFollower(In(dir+"/"), Options{Zone: time.UTC})
	f.Poll(h)
	log, err := os.OpenFile(dir+"/amazon-ssm-agent.log", os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	line := end.Format("2006-01-02 15:04:05.0000 ") + busyLines[0] + "\n"
	b.ReportAllocs()
	for b.Loop() {
		if _, err := log.WriteString(line); err != nil {
			b.Fatal(err)
		}
		f.Poll(h)
	}
}

func BenchmarkLine(b *testing.B) {
	for _, lines := range []struct {
		name string
		of   []string
	}{{"usual", busyLines}, {"failing", failingLines}} {
		b.Run(lines.name, func(b *testing.B) {
			text := ""
			for i, l := range lines.of {
				text += fmt.Sprintf("2026-11-23 12:00:%02d.0000 %s\n", i, l)
			}
			c := newCollector(time.Time{}.Add(1))
			ck := clock{zone: time.UTC}
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				s := splitter{}
				s.feed([]byte(text), true, func(p []byte) {
					if e, ok := parse(p, &ck); ok {
						c.add(&e, kindMain)
					}
				})
			}
			b.ReportMetric(float64(len(lines.of)), "lines/op")
			_ = strings.Count(text, "\n")
		})
	}
}
