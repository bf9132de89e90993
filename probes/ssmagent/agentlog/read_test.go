package agentlog

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

const mainLog = "/var/log/amazon/ssm/amazon-ssm-agent.log"

// check holds what every result must be.
func check(t *testing.T, l probes.AgentLog) {
	t.Helper()
	for _, e := range l.Events {
		if len(e.Line) > maxLine || !utf8.ValidString(e.Line) || strings.ContainsAny(e.Line, "\x00\x1b\r") {
			t.Errorf("line %q", e.Line)
		}
		if e.Count < 1 || e.Last.Before(e.First) || e.ID == "" || e.Meaning == "" {
			t.Errorf("event %+v", e)
		}
	}
	if l.Sleep != nil && (l.Sleep.Tries < 1 || l.Sleep.Duration <= 0 || l.Sleep.Until.Before(l.Sleep.Since)) {
		t.Errorf("sleep %+v", l.Sleep)
	}
	data, err := json.Marshal(l)
	if err != nil {
		t.Fatal(err)
	}
	var back probes.AgentLog
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(l.Events, back.Events); d != "" {
		t.Errorf("as JSON (-before +after):\n%s", d)
	}
}

func hostOf(files map[string]string) *platformtest.Host {
	h := platformtest.New(files)
	h.Clock = noon
	return h
}

// countingHost counts what is read of files.
type countingHost struct {
	platform.Host
	opens, bytes int64
}

func (h *countingHost) Open(name string) (platform.File, error) {
	h.opens++
	f, err := h.Host.(platform.Opener).Open(name)
	if err != nil {
		return nil, err
	}
	return countingFile{f, h}, nil
}

type countingFile struct {
	platform.File
	h *countingHost
}

func (f countingFile) ReadAt(p []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(p, at)
	f.h.bytes += int64(n)
	return n, err
}

func lineAt(at time.Time, text string) string {
	return at.Format("2006-01-02 15:04:05.0000 ") + text + "\n"
}

// Of large logs only the last hours are read, wherever they begin.
func TestReadFindsTheCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	writeLogs(t, dir, 3, 4<<20, 100*time.Millisecond, noon, busy)
	h := &countingHost{Host: platform.New("", platform.WithClock(func() time.Time { return noon }))}
	for _, hours := range []float64{0.01, 0.5, 1, 2, 3, 4, 1000} {
		h.bytes = 0
		since := noon.Add(-time.Duration(hours * float64(time.Hour)))
		got := Read(h, In(dir+"/"), since, Options{Zone: time.UTC, MinTail: 64 << 10})
		whole := Read(h.Host, In(dir+"/"), since, Options{Zone: time.UTC, MinTail: 160 << 20})
		for _, l := range []*probes.AgentLog{&whole, &got} {
			// Of what explains a lasting state, more is known where more is read.
			l.Events = slices.DeleteFunc(l.Events, func(e probes.LogEvent) bool { return e.Last.Before(since) })
		}
		if d := cmp.Diff(whole.Events, got.Events); d != "" {
			t.Errorf("%v h: (-all read +read)\n%s", hours, d)
		}
		if want := int64(hours*3600*10*160*1.5) + 1<<20; h.bytes > want {
			t.Errorf("%v h: %d bytes were read, more than %d", hours, h.bytes, want)
		}
		if len(got.Events) == 0 && hours > 0.1 || got.Truncated {
			t.Errorf("%v h: %+v", hours, got)
		}
	}
	// The limit holds, and is told.
	got := Read(h.Host, In(dir+"/"), time.Time{}.Add(1), Options{Zone: time.UTC, MaxBytes: 5 << 20})
	if !got.Truncated || got.BytesRead > 5<<20+bufferSize {
		t.Errorf("truncated %t after %d bytes", got.Truncated, got.BytesRead)
	}
}

// sparse is a file of one repeated block that needs no memory.
type sparse struct {
	head, tail string
	size       int64
	fill       byte
}

func (s sparse) ReadAt(p []byte, at int64) (int, error) {
	n := int(min(int64(len(p)), s.size-at))
	for i := range p[:n] {
		p[i] = s.fill
	}
	if at < int64(len(s.head)) {
		copy(p[:n], s.head[at:])
	}
	if from := s.size - int64(len(s.tail)); at+int64(n) > from {
		copy(p[max(0, from-at):n], s.tail[max(0, at-from):])
	}
	return n, nil
}
func (s sparse) Close() error               { return nil }
func (s sparse) Stat() (fs.FileInfo, error) { return sparseInfo{s.size}, nil }

type sparseInfo struct{ size int64 }

func (i sparseInfo) Name() string       { return "amazon-ssm-agent.log" }
func (i sparseInfo) Size() int64        { return i.size }
func (i sparseInfo) Mode() fs.FileMode  { return 0o644 }
func (i sparseInfo) ModTime() time.Time { return noon }
func (i sparseInfo) IsDir() bool        { return false }
func (i sparseInfo) Sys() any           { return nil }

type sparseHost struct {
	*platformtest.Host
	file sparse
}

func (h sparseHost) Open(name string) (platform.File, error) {
	if name == mainLog {
		return h.file, nil
	}
	return h.Host.Open(name)
}

func (h sparseHost) Stat(name string) (fs.FileInfo, error) {
	if name == mainLog {
		return h.file.Stat()
	}
	return h.Host.Stat(name)
}

// A line of 100 MB costs its head only, whatever it is made of.
func TestReadLongLine(t *testing.T) {
	t.Parallel()
	for _, fill := range []byte{'x', 0, '\n', '[', ' '} {
		h := sparseHost{hostOf(nil), sparse{
			head: lineAt(noon.Add(-time.Minute), "ERROR [HealthCheck] error when calling AWS APIs. error details - ThrottlingException: Rate exceeded "),
			tail: "\n" + lineAt(noon, "INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health."),
			size: 100 << 20, fill: fill,
		}}
		h.file.head = strings.TrimSuffix(h.file.head, "\n")
		got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{Zone: time.UTC})
		if !got.LastHealth.Equal(noon) || len(got.Events) != 1 || got.Events[0].ID != "throttled" {
			t.Errorf("filled with %q: health %v, events %+v", fill, got.LastHealth, got.Events)
		}
		check(t, got)
	}
}

func TestReadOddFiles(t *testing.T) {
	t.Parallel()
	line := lineAt(noon, "INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.")
	t.Run("a pipe", func(t *testing.T) {
		t.Parallel()
		h := hostOf(nil)
		h.Files[mainLog] = platformtest.File{Mode: fs.ModeNamedPipe | 0o644}
		got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{})
		if got.Known || got.Absent || got.Why != platform.ErrNotRegular.Error() {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a folder that may not be listed", func(t *testing.T) {
		t.Parallel()
		h := hostOf(map[string]string{mainLog: line, mainLog + ".3": lineAt(noon.Add(-time.Minute), "INFO [amazon-ssm-agent] amazon-ssm-agent - v3.3.987.0")})
		h.FactsValue.Privileged = false
		h.Files["/var/log/amazon/ssm"] = platformtest.File{Mode: fs.ModeDir | 0o711}
		for name, f := range h.Files {
			if f.Mode == 0 {
				f.Mode = 0o644
				h.Files[name] = f
			}
		}
		got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{})
		if !got.Known || got.Version != "3.3.987.0" || !got.LastHealth.Equal(noon) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("a host that opens no files", func(t *testing.T) {
		t.Parallel()
		h := struct{ platform.Host }{hostOf(map[string]string{mainLog: line})}
		if got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{}); !got.LastHealth.Equal(noon) {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("files that only look rolled", func(t *testing.T) {
		t.Parallel()
		old := lineAt(noon.Add(-time.Minute), "ERROR Agent failed to assume any identity")
		h := hostOf(map[string]string{mainLog: line})
		for _, n := range []string{".01", ".0", ".-1", ".1.gz", ".bak", "1", ".99999999999999999999"} {
			h.Files[mainLog+n] = platformtest.File{Data: []byte(old)}
		}
		if got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{}); len(got.Events) != 0 || len(got.Paths) != 1 {
			t.Errorf("read %v: %+v", got.Paths, got.Events)
		}
	})
	t.Run("a log that ends while it is read", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		name := filepath.Join(dir, "amazon-ssm-agent.log")
		if err := os.WriteFile(name, bytes.Repeat([]byte(line), 10), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := open(platform.New(""), name)
		if err != nil {
			t.Fatal(err)
		}
		defer s.file.Close()
		if err := os.Truncate(name, int64(len(line))); err != nil {
			t.Fatal(err)
		}
		c := newCollector(noon.Add(-time.Hour))
		r := reader{o: Options{Zone: time.UTC}, c: c, buf: make([]byte, bufferSize)}
		st := stream{r: &r, g: &group{}, clock: clock{zone: time.UTC}}
		if err := st.read(s, 0, true); err != nil || c.health.last == 0 {
			t.Errorf("read %v, %v", c.health.last, err)
		}
	})
}

// Without a zone of its own the host's counts, which may be another than ours.
func TestReadZone(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("/usr/share/zoneinfo/America/New_York")
	if err != nil {
		if os.Getenv("CI") == "true" && runtime.GOOS != "windows" {
			t.Fatal("no time zones here (make setup installs them)")
		}
		t.Skip("no time zones here")
	}
	h := hostOf(map[string]string{mainLog: "2026-11-23 07:00:00.0000 INFO [ssm-agent-worker] [HealthCheck] HealthCheck reporting agent health.\n", "/etc/localtime": string(data)})
	if got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{}); !got.LastHealth.Equal(noon) {
		t.Errorf("got %v", got.LastHealth)
	}
}

func TestReadCountsByClass(t *testing.T) {
	t.Parallel()
	h := hostOf(map[string]string{mainLog: lineAt(noon.Add(-2*time.Hour), "ERROR [HealthCheck] error when calling AWS APIs. error details - ThrottlingException: Rate exceeded") +
		lineAt(noon, "ERROR [HealthCheck] error when calling AWS APIs. error details - ThrottlingException: Rate exceeded") +
		lineAt(noon, "ERROR [x] something else") + lineAt(noon, "WARN [x] something else")})
	got := Read(h, Usual("linux"), noon.Add(-time.Hour), Options{})
	want := map[probes.LogClass]int64{probes.LogThrottle: 1, probes.LogOther: 1}
	if d := cmp.Diff(want, got.ErrorsByClass); d != "" || got.LinesRead != 4 {
		t.Errorf("%d lines, (-want +got)\n%s", got.LinesRead, d)
	}
	if e := got.Events[0]; e.Count != 1 || !e.First.Equal(noon) {
		t.Errorf("counts what was before the cut-off: %+v", e)
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("IQoJb3JpZ2luX2VjEJr", 20)
	for _, c := range []struct{ name, text string }{
		{"proxy", "https_proxy: http://user:hun@hunter2@proxy:3128"},
		{"proxy without a scheme", "https_proxy=user:hunter2@proxy:3128"},
		{"access key", "key ASIAHUNTER2HUNTER2AB AKIAHUNTER2HUNTER2AB"},
		{"presigned", "https://b.s3.amazonaws.com/x?X-Amz-Signature=hunter2&X-Amz-Credential=hunter2&X-Amz-Security-Token=hunter2"},
		{"old presigned", "https://b.s3.amazonaws.com/x?AWSAccessKeyId=hunter2&Signature=hunter2"},
		{"header", "Authorization: AWS4-HMAC-SHA256 Credential=hunter2, Signature=hunter2"},
		{"proxy header", "Proxy-Authorization: Basic hunter2"},
		{"json", `{"SecretAccessKey":"hunter2","SessionToken":"hunter2", "TokenValue": "hunter2"}`},
		{"token", "token=hunter2 password: hunter2"},
		{"session token by its look", "it is " + long},
	} {
		if got := mask(c.text); strings.Contains(strings.ToLower(got), "hunter2") || strings.Contains(got, long) {
			t.Errorf("%s: %s", c.name, got)
		}
	}
	for _, plain := range []string{
		"User: arn:aws:sts::123456789012:assumed-role/web-role/i-0123456789abcdef0 is not authorized to perform: ssm:UpdateInstanceInformation on resource: arn:aws:ec2:us-east-1:123456789012:instance/i-0123456789abcdef0",
		"Failed to get controlchannel token, error: CreateControlChannel failed",
		"The security token included in the request is expired",
		"Get \"http://169.254.169.254/latest/meta-data/instance-id\": dial tcp 169.254.169.254:80: i/o timeout",
		"Signature expired: 20261123T130650Z is now earlier than 20261123T150150Z",
	} {
		if got := mask(plain); got != plain {
			t.Errorf("changed %q to %q", plain, got)
		}
	}
}

// The agent's own schedule, its waits as long or as short as they can be: the
// present wait never ends after the estimate.
func TestEstimate(t *testing.T) {
	t.Parallel()
	for _, denied := range []bool{false, true} {
		for _, share := range []float64{0.9, 0.95, 1} {
			begin := noon
			s := sleepState{last: begin.UnixNano(), duration: 9 * time.Minute, tries: 3, denied: denied}
			end := begin.Add(s.duration)
			for try := 3; try < 60; try++ {
				wait := time.Duration(share * float64(waitOf(try, denied)))
				for _, part := range []float64{0, 0.5, 0.99} {
					now := end.Add(time.Duration(part * float64(wait)))
					until, ok := estimate(&s, begin.Add(s.duration), now)
					if !ok || until.Before(end.Add(wait)) || until.After(now.Add(longest(&s))) {
						t.Fatalf("denied %t, share %v, try %d: at %v until %v, it ends %v", denied, share, try, now, until, end.Add(wait))
					}
				}
				end = end.Add(wait)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	names, _ := filepath.Glob("testdata/logs/*.txt")
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, data[len(data)/2:], uint8(3))
	}
	f.Add([]byte("2026-11-23 11:00:00 ERROR a"), []byte("\n\x00\x002026-11-23 11:00:00 ERROR b"), uint8(0))
	f.Fuzz(func(t *testing.T, rolled, live []byte, tail uint8) {
		h := hostOf(nil)
		h.Files[mainLog+".1"] = platformtest.File{Data: rolled}
		h.Files[mainLog] = platformtest.File{Data: live}
		h.Files["/var/log/amazon/ssm/errors.log"] = platformtest.File{Data: live}
		h.Files["/var/log/amazon/ssm/hibernate.log"] = platformtest.File{Data: rolled}
		o := Options{Zone: time.UTC, MinTail: int64(tail), MaxBytes: 1 + int64(tail)*64}
		check(t, Read(h, Usual("linux"), noon.Add(-time.Hour), o))
		check(t, Read(h, Usual("linux"), noon.Add(-time.Hour), Options{Zone: time.UTC}))
	})
}

func TestUsual(t *testing.T) {
	t.Setenv("ProgramData", `D:\Data`)
	if p := Usual("windows"); p.Worker != `D:\Data\Amazon\SSM\Logs\ssm-agent-worker.log` || p.Main != `D:\Data\Amazon\SSM\Logs\amazon-ssm-agent.log` {
		t.Errorf("got %+v", p)
	}
	if p := Usual("linux"); p.Main != mainLog || p.Worker != "" {
		t.Errorf("got %+v", p)
	}
}
