package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
)

// newLog makes the program's log, in logfmt or JSON. Under systemd the journal has
// the time of each line already.
func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	switch level {
	case "debug", "info", "warn", "error":
		_ = l.UnmarshalText([]byte(level)) // one of its own names
	default:
		return nil, fmt.Errorf("--log.level %q is not a level; it is debug, info, warn or error", level)
	}
	o := &slog.HandlerOptions{Level: l}
	if os.Getenv("JOURNAL_STREAM") != "" {
		o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
			if len(groups) == 0 && a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
	}
	switch format {
	case "logfmt":
		return slog.New(slog.NewTextHandler(w, o)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, o)), nil
	}
	return nil, fmt.Errorf("--log.format %q is not a format; it is logfmt or json", format)
}
