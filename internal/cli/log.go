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

// escapingWriter escapes what slog does not: bidirectional and some control characters in JSON, DEL
// in text. It also writes bracket in place of the "[" of "##[", which a CI runner would take for a
// command. slog writes each record as a whole.
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
