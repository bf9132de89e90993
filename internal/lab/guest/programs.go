//go:build linux

package guest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// copyPrograms puts the binary under test and the stand-ins in place.
func copyPrograms(spec Spec) error {
	if err := copyProgram(ProgramFD, "/usr/bin/agentctl"); err != nil {
		return err
	}
	if err := copyProgram(SelfFD, standInPath); err != nil {
		return err
	}
	if filepath.Base(spec.Command[0]) == checkName {
		if err := os.Symlink(standInPath, spec.Command[0]); err != nil {
			return err
		}
	}
	if !spec.AgentBinaries {
		return nil
	}
	if err := os.MkdirAll(spec.AgentFolder, 0o755); err != nil {
		return err
	}
	core := filepath.Join(spec.AgentFolder, "amazon-ssm-agent")
	if program, err := os.ReadFile(standInPath); err != nil {
		return err
	} else if err := os.WriteFile(core, program, 0o755); err != nil {
		return err
	}
	if err := claimGo(core, spec.AgentGo); err != nil {
		return err
	}
	// Package tools keep the build's date.
	built := time.Now().AddDate(0, -2, 0)
	if err := os.Chtimes(core, built, built); err != nil {
		return err
	}
	for _, name := range []string{"ssm-agent-worker", "ssm-document-worker", "ssm-session-worker", "ssm-session-logger", "ssm-cli"} {
		if err := os.Link(core, filepath.Join(spec.AgentFolder, name)); err != nil {
			return err
		}
	}
	return nil
}

// claimGo changes the version of Go in a program's build information (debug/buildinfo: 32 bytes of header, then the version
// with its length before it), or makes the information unreadable.
func claimGo(path, version string) error {
	if version == "" {
		return nil
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	// Written in two parts, or this very constant would be found.
	at := bytes.Index(program, append([]byte("\xff Go build"), "inf:\x08"...))
	if at < 0 {
		return errors.New("the program has no build information")
	}
	if version == "none" {
		copy(program[at:], make([]byte, 12))
	} else {
		own := program[at+33 : at+33+int(program[at+32])]
		if len(version) > len(own) {
			return fmt.Errorf("%s does not fit in place of %s", version, own)
		}
		copy(own, version+strings.Repeat("0", len(own)-len(version)))
	}
	return os.WriteFile(path, program, 0o755)
}

func copyProgram(fd uintptr, path string) error {
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	// Several guests share the descriptor's file, not its offset: read by position.
	in := os.NewFile(fd, "program")
	info, err := in.Stat()
	if err == nil {
		_, err = io.Copy(out, io.NewSectionReader(in, 0, info.Size()))
	}
	if err := errors.Join(err, in.Close(), out.Close()); err != nil {
		return fmt.Errorf("copy to %s: %w", path, err)
	}
	return nil
}
