package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// outputFile is where a report goes. A regular file is replaced as a whole: a
// reader sees the old one or the new one. Anything else (a pipe, a device) is
// written to, as a shell's redirection does.
type outputFile struct {
	name string // with links followed
	mode fs.FileMode
	open *os.File // of what is no regular file
}

// openOutput looks at the target before the round, so that a wrong name costs
// nothing.
func openOutput(name string) (outputFile, error) {
	out := outputFile{name: name, mode: 0o644}
	if target, err := filepath.EvalSymlinks(name); err == nil {
		out.name = target
	}
	info, err := os.Stat(out.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(out.name)
		if d, err := os.Stat(dir); err != nil {
			return out, plain(err)
		} else if !d.IsDir() {
			return out, errors.New(dir + " is not a directory")
		}
	case err != nil:
		return out, plain(err)
	case info.IsDir():
		return out, errors.New("is a directory")
	case !info.Mode().IsRegular():
		out.open, err = os.OpenFile(out.name, os.O_WRONLY, 0)
		return out, plain(err)
	default:
		out.mode = info.Mode().Perm()
	}
	return out, nil
}

// plain is an error without the path, which stands beside it.
func plain(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

func (o outputFile) write(data []byte) error {
	if o.open != nil {
		_, err := o.open.Write(data)
		return errors.Join(err, o.open.Close())
	}
	tmp, err := os.CreateTemp(filepath.Dir(o.name), "."+filepath.Base(o.name)+".*")
	if err != nil {
		return err
	}
	_, err = tmp.Write(data)
	if err == nil {
		err = tmp.Chmod(o.mode)
	}
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), o.name)
	}
	if err != nil {
		_ = os.Remove(tmp.Name())
	}
	return err
}
