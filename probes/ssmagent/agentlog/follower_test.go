package agentlog

import (
	"os"
	"strings"
	"testing"
	"time"

	"agentctl/platform"
	"agentctl/platform/platformtest"
	"agentctl/probes"
)

// diary is a log on disk that tests write and roll.
type diary struct {
	t    *testing.T
	name string
	now  time.Time
	host *countingHost
	f    *Follower
	// restart: the daemon starts anew before each poll.
	restart bool
}

func newDiary(t *testing.T, restart bool) *diary {
	t.Helper()
	d := &diary{t: t, name: t.TempDir() + "/amazon-ssm-agent.log", now: noon, restart: restart}
	d.host = &countingHost{Host: platform.New("", platform.WithClock(func() time.Time { return d.now }))}
	d.f = d.follower()
	return d
}

func (d *diary) follower() *Follower {
	return NewFollower(In(strings.TrimSuffix(d.name, "amazon-ssm-agent.log")), Options{Zone: time.UTC, Window: time.Hour})
}

const throttled = "ERROR [HealthCheck] error when calling AWS APIs. error details - ThrottlingException: Rate exceeded"

// write adds n failures, one each second.
func (d *diary) write(n int) {
	d.t.Helper()
	for range n {
		d.now = d.now.Add(time.Second)
		d.add(lineAt(d.now, throttled))
	}
}

func (d *diary) add(text string) {
	d.t.Helper()
	f, err := os.OpenFile(d.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		d.t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		d.t.Fatal(err)
	}
	f.Close()
}

func (d *diary) move(to string) {
	d.t.Helper()
	if err := os.Rename(d.name, d.name+to); err != nil {
		d.t.Fatal(err)
	}
}

func (d *diary) poll() probes.AgentLog {
	d.t.Helper()
	if d.restart && d.f.c != nil {
		data, err := d.f.State()
		if err != nil {
			d.t.Fatal(err)
		}
		d.f = d.follower()
		if err := d.f.Restore(data); err != nil {
			d.t.Fatal(err)
		}
	}
	l := d.f.Poll(d.host)
	check(d.t, l)
	return l
}

// counts polls, and tells how many failures are known.
func (d *diary) counts(want int) {
	d.t.Helper()
	e, _ := d.poll().Event("throttled")
	if e.Count != want {
		d.t.Errorf("%d failures are known, want %d", e.Count, want)
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	for name, story := range map[string]func(d *diary){
		"grows": func(d *diary) {
			d.write(3)
			d.counts(3)
			d.write(2)
			d.counts(5)
			d.counts(5)
		},
		"comes later": func(d *diary) {
			if l := d.poll(); l.Known || !l.Absent {
				d.t.Errorf("got %+v", l)
			}
			d.write(2)
			d.counts(2)
			if l := d.poll(); !l.Known || l.Absent {
				d.t.Errorf("got %+v", l)
			}
		},
		"a line in two parts": func(d *diary) {
			line := lineAt(d.now, throttled)
			d.write(1)
			d.add(line[:40])
			d.counts(1)
			d.add(line[40:])
			d.counts(2)
		},
		"an entry in two parts": func(d *diary) {
			d.add(lineAt(d.now, "ERROR [HealthCheck] error when calling AWS APIs. error details - RequestError: send request failed"))
			if _, ok := d.poll().Event("transport-hidden"); !ok {
				d.t.Error("the first part is not seen")
			}
			d.add("caused by: Post \"https://ssm.us-east-1.amazonaws.com/\": dial tcp 52.46.145.233:443: i/o timeout\n")
			l := d.poll()
			if _, ok := l.Event("tcp-timeout"); !ok || len(l.Events) != 1 {
				d.t.Errorf("got %+v", l.Events)
			}
		},
		"rolled by name": func(d *diary) {
			d.write(3)
			d.counts(3)
			d.write(2)
			d.move(".7")
			d.counts(3) // there is no new file yet
			d.write(1)
			d.counts(6)
		},
		"rolled twice": func(d *diary) {
			d.write(3)
			d.counts(3)
			d.write(2)
			d.move(".7")
			d.write(4)
			d.move(".8")
			d.write(1)
			d.counts(10)
		},
		"rolled over an old inode": func(d *diary) {
			d.write(3)
			d.counts(3)
			if err := os.Remove(d.name); err != nil {
				d.t.Fatal(err)
			}
			d.write(5)
			d.counts(8)
		},
		"copied and truncated": func(d *diary) {
			d.write(3)
			d.counts(3)
			d.write(1)
			data, err := os.ReadFile(d.name)
			if err != nil {
				d.t.Fatal(err)
			}
			if err := os.WriteFile(d.name+".1", data, 0o600); err != nil {
				d.t.Fatal(err)
			}
			if err := os.Truncate(d.name, 0); err != nil {
				d.t.Fatal(err)
			}
			d.counts(4)
			d.write(2)
			d.counts(6)
		},
		"truncated and grown beyond": func(d *diary) {
			d.write(3)
			d.counts(3)
			if err := os.Truncate(d.name, 0); err != nil {
				d.t.Fatal(err)
			}
			d.write(6)
			d.counts(9)
		},
		"gone, and told no more": func(d *diary) {
			d.write(3)
			d.counts(3)
			if err := os.Remove(d.name); err != nil {
				d.t.Fatal(err)
			}
			d.counts(3)
		},
		"a line that never ends": func(d *diary) {
			d.write(1)
			d.add(lineAt(d.now, throttled+strings.Repeat("x", maxEntry)))
			d.counts(2)
			d.add(strings.TrimSuffix(lineAt(d.now, throttled), "\n"))
			for range 5 {
				d.add(strings.Repeat("y", 2*maxEntry))
				d.counts(3)
			}
			d.add("\n")
			d.write(1)
			d.counts(4)
		},
		"events leave the window": func(d *diary) {
			d.write(3)
			d.add(lineAt(d.now, "INFO EC2RoleProvider Successfully connected with instance profile role credentials"))
			d.counts(3)
			d.now = d.now.Add(61 * time.Minute)
			d.counts(0)
			d.write(1)
			d.counts(1)
		},
	} {
		for _, restart := range []bool{false, true} {
			if restart {
				name += ", restarted"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				story(newDiary(t, restart))
			})
		}
	}
}

// Where nothing changed, nothing is opened.
func TestFollowUnchanged(t *testing.T) {
	t.Parallel()
	d := newDiary(t, false)
	d.write(3)
	d.poll()
	d.host.opens = 0
	for range 100 {
		d.now = d.now.Add(30 * time.Second)
		d.f.Poll(d.host)
	}
	if d.host.opens != 0 {
		t.Errorf("%d files were opened", d.host.opens)
	}
	d.write(1)
	d.host.bytes = 0
	d.poll()
	if d.host.opens != 1 || d.host.bytes > 2000 {
		t.Errorf("%d files, %d bytes for one line", d.host.opens, d.host.bytes)
	}
}

// A wait ends, and becomes one that is estimated, without a new line.
func TestFollowTime(t *testing.T) {
	t.Parallel()
	d := newDiary(t, false)
	for range 3 {
		d.now = d.now.Add(10 * time.Minute)
		d.add(lineAt(d.now, "INFO [CredentialRefresher] Sleeping for 9m0s before retrying retrieve credentials"))
	}
	if s := d.poll().Sleep; s == nil || s.Estimated || !s.Until.Equal(d.now.Add(9*time.Minute)) {
		t.Fatalf("got %+v", s)
	}
	d.now = d.now.Add(9*time.Minute + time.Second)
	if s := d.poll().Sleep; s == nil || !s.Estimated || !s.Until.After(d.now) {
		t.Fatalf("got %+v", s)
	}
}

func TestFollowDenied(t *testing.T) {
	t.Parallel()
	h := hostOf(map[string]string{mainLog: lineAt(noon, throttled)})
	f := NewFollower(Usual("linux"), Options{Zone: time.UTC})
	if l := f.Poll(h); !l.Known {
		t.Fatalf("got %+v", l)
	}
	h.FactsValue.Privileged = false
	h.Files[mainLog] = platformtest.File{Data: []byte(lineAt(noon, throttled) + lineAt(noon, throttled)), Mode: 0o600, ModTime: noon.Add(time.Second)}
	if l := f.Poll(h); l.Known || !l.Denied || len(l.Problems) != 1 {
		t.Errorf("denied: %+v", l)
	}
	h.FactsValue.Privileged = true
	l := f.Poll(h)
	if e, _ := l.Event("throttled"); !l.Known || l.Denied || len(l.Problems) != 0 || e.Count != 2 {
		t.Errorf("allowed again: %+v", l)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	for _, data := range []string{"{", `{"version":99}`, `{"version":1,"paths":{"main":"/elsewhere"}}`, `[]`} {
		f := NewFollower(Usual("linux"), Options{Zone: time.UTC})
		if err := f.Restore([]byte(data)); err == nil {
			t.Errorf("%s is taken", data)
		}
		if l := f.Poll(hostOf(map[string]string{mainLog: lineAt(noon, throttled)})); len(l.Events) != 1 {
			t.Errorf("after %s: %+v", data, l)
		}
	}
	if err := NewFollower(Usual("linux"), Options{}).Restore(nil); err != nil {
		t.Error(err)
	}
}

// Secrets are not in the state either.
func TestStateIsMasked(t *testing.T) {
	t.Parallel()
	f := NewFollower(Usual("linux"), Options{Zone: time.UTC})
	f.Poll(hostOf(map[string]string{mainLog: lineAt(noon, "ERROR [CredentialRefresher] Retrieve credentials produced error: RequestError: send request failed\ncaused by: proxyconnect tcp: http://user:hunter2@proxy:3128 refused") +
		lineAt(noon, "INFO [CredentialRefresher] Sleeping for 5m0s before retrying retrieve credentials") +
		lineAt(noon, "INFO Entering SSM Agent hibernate - RequestError: http://user:hunter2@proxy:3128")}))
	data, err := f.State()
	if err != nil || len(data) == 0 || strings.Contains(string(data), "hunter2") {
		t.Errorf("%v: %s", err, data)
	}
}

func FuzzFollowerState(f *testing.F) {
	seed := NewFollower(Usual("linux"), Options{Zone: time.UTC})
	seed.Poll(hostOf(map[string]string{mainLog: lineAt(noon, throttled), mainLog + ".1": lineAt(noon.Add(-time.Hour), throttled)}))
	data, err := seed.State()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte(strings.Replace(string(data), `"offset":`, `"offset":9223372036854775807,"o":`, 1)))
	f.Add([]byte(strings.Replace(string(data), `"count":1`, `"count":-1`, 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		h := hostOf(map[string]string{mainLog: lineAt(noon, throttled) + lineAt(noon, throttled), mainLog + ".1": lineAt(noon.Add(-time.Hour), throttled)})
		fl := NewFollower(Usual("linux"), Options{Zone: time.UTC})
		_ = fl.Restore(data) // what does not fit is refused
		l := fl.Poll(h)
		for _, e := range l.Events {
			if len(e.Line) > maxLine {
				t.Errorf("line of %d bytes", len(e.Line))
			}
		}
		if _, err := fl.State(); err != nil {
			t.Error(err)
		}
	})
}
