package history

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"agentctl/agent/report"
)

const (
	fileName = "state.json"
	schema   = "agentctl/state/v1"
	maxState = 8 << 20 // bytes; a real one has under 200 KiB
)

// state is the file.
type state struct {
	Schema  string         `json:"schema"`
	SavedAt time.Time      `json:"saved_at"`
	Report  *report.Report `json:"report,omitempty"`
	History *History       `json:"history"`
}

// Store is the directory in which the state lies.
type Store struct{ dir string }

// In is the store in a directory, which need not exist yet.
func In(dir string) Store { return Store{dir} }

// Path is the state's file.
func (s Store) Path() string { return filepath.Join(s.dir, fileName) }

// Load reads the state. Where there is none, both are fresh. A file that cannot be
// understood is set aside as state.json.corrupt; the warning then says so, and
// nothing else is lost by it.
func (s Store) Load() (last *report.Report, h *History, warning string) {
	data, err := readBounded(s.Path(), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, New(), ""
	}
	var st state
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	if err == nil && (st.Schema != schema || st.History == nil) {
		err = fmt.Errorf("it is not of the form %s", schema)
	}
	if err != nil {
		aside := s.Path() + ".corrupt"
		warning = fmt.Sprintf("%s cannot be used (%s); it is set aside as %s, and the history begins anew", s.Path(), err, aside)
		if err := os.Rename(s.Path(), aside); err != nil {
			warning = fmt.Sprintf("%s cannot be used, nor set aside: %s; the history begins anew", s.Path(), err)
		}
		return nil, New(), warning
	}
	if st.History.Findings == nil {
		st.History.Findings = map[string]Past{}
	}
	if st.History.Targets == nil {
		st.History.Targets = map[string]Past{}
	}
	return st.Report, st.History, ""
}

// Last is the last report, nil where there is none. It changes nothing.
func (s Store) Last() (*report.Report, error) {
	data, err := readBounded(s.Path(), maxState)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var st state
	if err == nil {
		err = json.Unmarshal(data, &st)
	}
	if err != nil {
		return nil, fmt.Errorf("read the state: %w", err)
	}
	return st.Report, nil
}

// Save writes the state so that after a crash at any moment the file is either the
// old one or this one.
func (s Store) Save(r *report.Report, h *History, now time.Time) error {
	data, err := json.Marshal(state{Schema: schema, SavedAt: now.UTC(), Report: r, History: h})
	if err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	if err := os.MkdirAll(s.dir, 0o750); err != nil {
		return fmt.Errorf("save the state: %w", err)
	}
	return WriteFile(s.Path(), data, 0o640)
}

// WriteFile replaces a file as a whole: the new content is on the disk before it
// has the name.
func WriteFile(name string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*.tmp")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(mode); err != nil && runtime.GOOS != "windows" {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// syncDir has the new name survive a loss of power. Windows does so by itself.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	return d.Sync()
}

// Tidy removes what an earlier process that was killed left half-written.
func (s Store) Tidy() {
	left, _ := filepath.Glob(filepath.Join(s.dir, "."+fileName+".*.tmp"))
	for _, name := range left {
		_ = os.Remove(name)
	}
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		return nil, fmt.Errorf("it is larger than %d MiB", limit>>20)
	}
	return data, err
}
