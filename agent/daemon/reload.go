package daemon

import (
	"io/fs"
	"os"
	"time"
)

// clock compares the wall clock with the monotonic one.
type clock struct{ at time.Time }

func newClock() *clock { return &clock{time.Now()} }

// moved is how far the wall clock has moved beyond the time that has passed since
// the last call.
func (c *clock) moved() time.Duration {
	now := time.Now()
	passed := now.Sub(c.at)                        // monotonic
	by := now.Round(0).Sub(c.at.Round(0)) - passed // wall
	c.at = now
	return by
}

// fileWatch notices that a file has another content, by its size and times, once it
// has kept still from one look to the next: half a file is not read.
type fileWatch struct {
	name string
	used fileMark // of the content that was read
	last fileMark // at the last look
}

type fileMark struct {
	size     int64
	modified time.Time
	mode     fs.FileMode
	absent   bool
}

func watchFile(name string) *fileWatch {
	w := &fileWatch{name: name}
	w.reset()
	return w
}

func (w *fileWatch) mark() fileMark {
	if w.name == "" {
		return fileMark{absent: true}
	}
	info, err := os.Stat(w.name)
	if err != nil {
		return fileMark{absent: true}
	}
	return fileMark{info.Size(), info.ModTime(), info.Mode(), false}
}

func (w *fileWatch) reset() { w.used = w.mark(); w.last = w.used }

func (w *fileWatch) changed() bool {
	was := w.last
	w.last = w.mark()
	return w.last == was && w.last != w.used
}

// reload reads the configuration anew. One that cannot be used leaves the old one in
// force.
func (d *Daemon) reload(watch *fileWatch) {
	watch.reset()
	cfg, err := d.o.Reload()
	now := d.o.Host.Now()
	for _, w := range d.o.Watch {
		w.Reloaded(err == nil, now)
	}
	if err != nil {
		d.o.Log.Error("the new configuration cannot be used; the old one stays", "err", err)
		return
	}
	d.mu.Lock()
	cfg.StateDir = d.config.StateDir // the state stays where it is
	d.config = cfg
	d.mu.Unlock()
	d.confirm.looks = cfg.Confirm.Looks
	d.schedule.set(d.intervals(), time.Now())
	d.hurryAll()
	d.o.Log.Info("configuration reloaded", "file", cfg.Path)
}
