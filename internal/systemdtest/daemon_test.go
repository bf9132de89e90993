//go:build linux

package systemdtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// daemonUnit is as the daemon needs it: systemd is told when it is ready, and kills it
// when its loop does not turn. The test's watchdog is shorter than a package's would be.
const daemonUnit = `[Unit]
Description=agentctl
[Service]
Type=notify
ExecStart=/usr/bin/agentctl run --state-dir /var/lib/agentctl
ExecReload=/bin/kill -HUP $MAINPID
WatchdogSec=8
Restart=always
RestartSec=0
`

const daemonScript = `
show() { systemctl show -p ActiveState -p SubState -p StatusText -p NRestarts -p Result agentctl >/shared/$1; }
until_true() { for i in $(seq 600); do if eval "$1"; then return 0; fi; sleep 0.1; done; return 1; }
cp /shared/agentctl.bin /usr/bin/agentctl
cp /shared/agentctl.unit /etc/systemd/system/agentctl.service
systemctl daemon-reload
systemctl start agentctl
until_true '[ -n "$(systemctl show -p StatusText --value agentctl)" ]'
show started
kill -STOP $(systemctl show -p MainPID --value agentctl)
until_true '[ "$(systemctl show -p NRestarts --value agentctl)" -ge 1 ]'
until_true '[ "$(systemctl is-active agentctl)" = active ]'
show watched
begin=$(date +%s%N)
systemctl stop agentctl
echo $(( ($(date +%s%N) - begin) / 1000000 )) >/shared/stop-ms
show ended
`

// TestDaemonUnit: under real systemd the daemon says when it is ready and how things
// stand, is restarted by the watchdog when it hangs, and stops cleanly.
func TestDaemonUnit(t *testing.T) {
	need(t, os.Geteuid() == 0, "root")
	module, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(shared, "agentctl.bin"), "./cmd/agentctl")
	build.Dir, build.Env = module, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(shared, "agentctl.unit"), []byte(daemonUnit), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := observeWith(t, shared, []Case{{Name: "daemon", Unit: packaged, Setup: daemonScript}})
	if e := seen["daemon"].Error; e != "" {
		t.Fatal(e)
	}
	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(shared, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for name, must := range map[string][]string{
		"started": {"ActiveState=active", "SubState=running", "NRestarts=0", "StatusText=The last look saw "},
		"watched": {"ActiveState=active", "NRestarts=1"},
		"ended":   {"ActiveState=inactive", "Result=success"},
	} {
		for _, m := range must {
			if text := read(name); !strings.Contains(text, m) {
				t.Errorf("%s: no %s in\n%s", name, m, text)
			}
		}
	}
	ms, err := strconv.Atoi(strings.TrimSpace(read("stop-ms")))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("it stopped within %d ms", ms)
}
