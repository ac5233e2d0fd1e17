package cli

import (
	"io"
	"log/slog"

	"github.com/orgsync/orgsync/internal/report"
)

// newLog returns a log that writes text or JSON lines to w. A record is always one line.
func newLog(w io.Writer, level slog.Level, format string) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(escapingWriter{w, `\u005b`}, options))
	}
	return slog.New(slog.NewTextHandler(escapingWriter{w, " ["}, options))
}

// escapingWriter escapes characters that slog leaves unchanged: bidirectional and some control
// characters in JSON, and DEL in text. In "##[", which begins a command of a CI runner, it replaces
// the "[" by bracket. This works because slog writes each record with one call of Write.
type escapingWriter struct {
	w       io.Writer
	bracket string
}

func (v escapingWriter) Write(line []byte) (int, error) {
	if _, err := v.w.Write(report.Escape(line, v.bracket)); err != nil {
		return 0, err
	}
	return len(line), nil
}
