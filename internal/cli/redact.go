package cli

import (
	"io"
	"strings"

	"github.com/orgsync/orgsync/internal/secrets"
)

// redactStreams collects the secrets in arguments and environment variables, and redacts them in
// stdout and stderr. The caller must call flush at the end of the run.
func (a *app) redactStreams() (flush func()) {
	a.secrets.AddKey(a.getenv("VULTR_API_KEY"))
	for _, name := range []string{"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "PGPASSWORD"} {
		a.secrets.Add(a.getenv(name), secrets.OtherLabel)
	}
	for _, argument := range a.args {
		a.secrets.AddArgument(argument)
	}
	if a.environ != nil {
		for _, variable := range a.environ() {
			name, value, _ := strings.Cut(variable, "=")
			if strings.HasPrefix(name, environmentPrefix) || name == "VULTR_API_URL" {
				for part := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' }) {
					a.secrets.AddArgument(part)
				}
			}
		}
	}
	stdout, stderr, isTerminal := a.secrets.Writer(a.stdout), a.secrets.Writer(a.stderr), a.isTerminal
	a.stdout, a.stderr = stdout, stderr
	a.isTerminal = func(stream any) bool {
		if w, ok := stream.(io.Writer); ok {
			stream = secrets.Unwrap(w)
		}
		return isTerminal(stream)
	}
	return func() {
		_ = stdout.Flush() // if a stream is closed, the code that wrote the result has reported this error
		_ = stderr.Flush()
	}
}
