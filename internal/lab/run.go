//go:build linux

package lab

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"agentctl/internal/lab/guest"
)

// Result is one run of agentctl on the instance.
type Result struct {
	guest.Outcome
	Stdout, Stderr []byte
}

// runLimit kills an agentctl that does not end: three times its own hard limit.
const runLimit = time.Minute

// Run starts agentctl on the instance with more arguments after the scenario's own, and waits for it.
func (v *VPC) Run(args ...string) (Result, error) {
	p, err := binaries()
	if err != nil {
		return Result{}, err
	}
	return v.runGuest(p, v.guestSpec(args))
}

// runGuest starts the instance's files and processes anew and runs one command there.
func (v *VPC) runGuest(p programs, spec guest.Spec) (Result, error) {
	text, err := json.Marshal(spec)
	if err != nil {
		return Result{}, err
	}
	var result Result
	err = v.instance.do(func() error { return start(p, text, &result) })
	return result, err
}

// start runs labinit as the first process of new namespaces. It must run inside the instance's network namespace, on a thread
// that stays: the kernel kills the child when that thread ends (Pdeathsig), so a killed lab leaves no process behind.
func start(p programs, spec []byte, result *Result) error {
	specFile, err := unlinkedFile("spec", spec)
	if err != nil {
		return err
	}
	defer specFile.Close()
	outcome, outcomeChild, err := os.Pipe()
	if err != nil {
		return err
	}
	defer outcome.Close()
	var stdout, stderr bytes.Buffer
	command := exec.Command("/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(int(p.labinit.Fd())))
	command.Args = []string{"labinit"}
	command.Env = []string{}
	command.Stdout, command.Stderr = &stdout, &stderr
	command.ExtraFiles = []*os.File{specFile, outcomeChild, p.agentctl, p.labinit} // guest.SpecFD and so on
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
		Pdeathsig:  syscall.SIGKILL,
	}
	err = command.Start()
	outcomeChild.Close()
	if err != nil {
		return fmt.Errorf("start the instance: %w", err)
	}
	decodeErr := json.NewDecoder(outcome).Decode(&result.Outcome)
	waitErr := command.Wait()
	result.Stdout, result.Stderr = stdout.Bytes(), stderr.Bytes()
	switch {
	case result.Error != "":
		return fmt.Errorf("instance: %s", result.Error)
	case decodeErr != nil:
		return fmt.Errorf("instance ended without an outcome: %w, %w: %s", decodeErr, waitErr, result.Stderr)
	}
	return nil
}

// unlinkedFile is a file that no folder holds.
func unlinkedFile(name string, content []byte) (*os.File, error) {
	file, err := os.CreateTemp("", "agentctl-lab-"+name)
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, err
	}
	if _, err := file.WriteAt(content, 0); err != nil {
		return nil, err
	}
	return file, nil
}
