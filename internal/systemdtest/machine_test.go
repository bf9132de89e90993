//go:build linux

package systemdtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// limit bounds the container's life. All cases take some seconds, and on a machine that
// has much else to do several times that.
const limit = 3 * time.Minute

func TestMain(m *testing.M) {
	if args := os.Getenv(bootEnv); args != "" {
		f := strings.Split(args, "\n")
		if err := boot(f[0], f[1], f[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// need ends a test that cannot run here: in the CI it has failed then.
func need(t *testing.T, ok bool, what string) {
	t.Helper()
	switch {
	case ok:
	case os.Getenv("CI") == "true":
		t.Fatal("needed: " + what)
	default:
		t.Skip("needed: " + what)
	}
}

// observe boots a container, runs the cases in it and returns what was seen.
func observe(t *testing.T, cases []Case) map[string]Observed {
	t.Helper()
	return observeWith(t, t.TempDir(), cases)
}

// observeWith is observe with a folder that the container has too, as /shared.
func observeWith(t *testing.T, shared string, cases []Case) map[string]Observed {
	t.Helper()
	need(t, os.Geteuid() == 0, "root")
	for _, program := range []string{"systemd-nspawn", "mmdebstrap"} {
		_, err := exec.LookPath(program)
		need(t, err == nil, program)
	}
	module, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	root, err := rootFS(t.Context(), filepath.Join(module, ".cache", "systemdtest"))
	need(t, err == nil, fmt.Sprintf("a root file system: %v", err))
	guest := filepath.Join(t.TempDir(), "guest")
	command := exec.Command("go", "build", "-trimpath", "-o", guest, "./internal/systemdtest/cmd/guest")
	command.Dir = module
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build the guest: %v\n%s", err, out)
	}
	data, err := json.Marshal(cases)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(shared, casesFile), data, 0o644); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	out, err := runBoot(t.Context(), root, shared, guest)
	t.Logf("container: %.1f s", time.Since(start).Seconds())
	need(t, !errors.Is(err, syscall.EPERM), "the right to make namespaces")
	journal, _ := os.ReadFile(filepath.Join(shared, "journal.txt"))
	if err != nil {
		progress, _ := os.ReadFile(filepath.Join(shared, "progress"))
		t.Fatalf("container, at case %q: %v\n%s\n%s", progress, err, out, journal)
	}
	data, err = os.ReadFile(filepath.Join(shared, resultFile))
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, journal)
	}
	var observed map[string]Observed
	if err := json.Unmarshal(data, &observed); err != nil {
		t.Fatal(err)
	}
	return observed
}

// runBoot starts this program again as process 1 of new namespaces, which end with it;
// and it ends with this thread, even when the test is killed.
func runBoot(ctx context.Context, root, shared, guest string) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/proc/self/exe")
	cmd.Env = append(os.Environ(), bootEnv+"="+root+"\n"+shared+"\n"+guest)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if ctx.Err() != nil {
		err = fmt.Errorf("it took more than %s", limit)
	}
	return out.Bytes(), err
}
