//go:build linux

package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// programs are the two binaries that a run needs, as open files: they are unlinked once built, so nothing stays behind.
type programs struct{ agentctl, labinit *os.File }

// binaries builds the programs once per process. AGENTCTL_BIN names an agentctl that is built already.
var binaries = sync.OnceValues(func() (programs, error) {
	root, err := moduleRoot()
	if err != nil {
		return programs{}, err
	}
	dir, err := os.MkdirTemp("", "agentctl-lab-")
	if err != nil {
		return programs{}, err
	}
	defer os.RemoveAll(dir)
	var p programs
	if p.labinit, err = build(root, dir, "./internal/lab/cmd/labinit"); err != nil {
		return programs{}, err
	}
	if ready := os.Getenv("AGENTCTL_BIN"); ready != "" {
		p.agentctl, err = os.Open(ready)
	} else {
		p.agentctl, err = build(root, dir, "./cmd/agentctl")
	}
	return p, err
})

// moduleRoot is the folder of the go.mod that this process runs below.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("no go.mod here or above: the lab builds agentctl from its source")
		}
		dir = parent
	}
}

func build(root, dir, pkg string) (*os.File, error) {
	output := filepath.Join(dir, filepath.Base(pkg))
	command := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", output, pkg)
	command.Dir = root
	command.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS="+strings.ReplaceAll(os.Getenv("GOFLAGS"), "-race", ""))
	if out, err := command.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", pkg, err, out)
	}
	return os.Open(output)
}
