package main

import (
	"io"
	"log/slog"

	"github.com/orgsync/orgsync/internal/report"
)

// newLog writes to w, as logfmt-like text or as JSON lines. A record is one line, whatever stands in it.
func newLog(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(visible{w}, options))
	}
	return slog.New(slog.NewTextHandler(visible{w}, options))
}

// visible escapes what slog leaves as it is although it cannot be seen: bidirectional and some control characters in
// JSON, DEL in text. slog writes each record as a whole.
type visible struct{ w io.Writer }

func (v visible) Write(line []byte) (int, error) {
	if _, err := v.w.Write(report.EscapeUnseen(line)); err != nil {
		return 0, err
	}
	return len(line), nil
}
