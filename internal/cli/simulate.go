package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"time"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/shellword"
)

// sandboxKey is the API key of the simulated API. It is no secret.
const sandboxKey = "sandbox"

// shutdownTimeout is how long 'sandbox serve' waits for requests in flight before it exits.
const shutdownTimeout = 5 * time.Second

// openSandbox opens the simulated API with the file of [app.sandboxFile]. If the file does not exist,
// openSandbox creates it. With o.MustExist, a missing file is an error: its name may be misspelled.
func (a *app) openSandbox(o sandbox.Options) (*sandbox.Server, error) {
	file, err := a.sandboxFile()
	if err != nil {
		return nil, err
	}
	o.File = file
	return sandbox.New(o)
}

// sandboxFile returns the file of the simulation: --sandbox=FILE, or sandbox.json in the state
// folder.
func (a *app) sandboxFile() (string, error) {
	if a.sandbox.File != "" {
		return a.sandbox.File, nil
	}
	dir, err := a.stateFolder()
	return filepath.Join(dir, "sandbox.json"), err
}

// createsSandbox reports whether the command creates the file of the simulation. apply does. plan --out
// does so too, because apply must find the organization for which the plan was saved.
func (a *app) createsSandbox() bool { return a.isApply() || a.out != "" }

// startSandbox runs the simulated API in this process until stop is called.
func (a *app) startSandbox() (url string, stop func(), err error) {
	s, err := a.openSandbox(sandbox.Options{Key: sandboxKey, MustExist: !a.createsSandbox()})
	if errors.Is(err, sandbox.ErrNoSimulation) && a.sandbox.File == "" {
		s, err = sandbox.New(sandbox.Options{Key: sandboxKey}) // a new organization in memory, without a file
	}
	if err != nil {
		return "", nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, fmt.Errorf("start the simulated API: %w", err)
	}
	server := a.newServer(s)
	go func() { _ = server.Serve(listener) }() // ends with Close; if it ends early, the client gets an error
	if !a.quiet {
		a.printMessage("This is a simulation: no mail is sent, and nothing leaves this machine.")
		fmt.Fprintln(a.stderr)
	}
	return "http://" + listener.Addr().String(), func() { _ = server.Close() }, nil
}

// serve answers requests until ctx ends, which is not an error.
func (a *app) serve(ctx context.Context, s *sandbox.Server, address string) error {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return withStep(stepListen, fmt.Errorf("serve the simulated API: %w", err))
	}
	server := a.newServer(s)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	_, err = fmt.Fprintf(a.stdout, "export VULTR_API_URL=http://%s\nexport VULTR_API_KEY=%s\n",
		localAddress(listener.Addr()), sandboxKey)
	if err != nil { // without the address, nobody finds the API
		return errors.Join(err, server.Close())
	}
	a.printMessage("The simulated API is running; the lines above make orgsync use it. Press Ctrl-C to stop it.")
	select {
	case err := <-ended:
		return fmt.Errorf("serve the simulated API: %w", err)
	case <-ctx.Done():
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if server.Shutdown(last) != nil {
		return server.Close() // close connections that are still open
	}
	return nil
}

// localAddress returns the address at which this machine reaches a listener. For a listener on all
// addresses, the host is localhost, because orgsync sends a key over plain HTTP only to this machine.
func localAddress(at net.Addr) string {
	host, port, err := net.SplitHostPort(at.String())
	if ip := net.ParseIP(host); err != nil || !ip.IsUnspecified() {
		return at.String()
	}
	return net.JoinHostPort("localhost", port)
}

func (a *app) newServer(s *sandbox.Server) *http.Server {
	return &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn)}
}

// printNextSteps suggests commands that continue the simulation after a run. It prints nothing if
// nobody has a pending invitation.
func (a *app) printNextSteps(r apply.Result) {
	var first org.Address
	hasMore := false
	add := func(who org.Address) {
		if first.IsZero() {
			first = who
		}
		hasMore = hasMore || who.Key() != first.Key()
	}
	for _, c := range r.Changes {
		if c.Action.Mails() && c.Outcome == apply.Done {
			add(c.Email)
		}
	}
	for _, n := range r.Notices {
		if n.Kind == plan.Waiting {
			add(n.Email)
		}
	}
	if first.IsZero() {
		return
	}
	accepts, expires, next := "one of them accepts", "the other invitations expire", "they are invited again"
	if !hasMore {
		accepts, expires, next = "the person accepts", "or the invitation expires", "see what the next run does"
	}
	state, again := "", a.name+" apply"+a.sandboxArgument()
	if a.sandbox.File != "" {
		state = " --file " + shellword.Quote(a.sandbox.File)
	}
	if a.stateDir != "" {
		state += " --state-dir " + shellword.Quote(a.stateDir)
		again += " --state-dir " + shellword.Quote(a.stateDir)
	}
	for _, path := range a.rosters {
		again += " --roster " + shellword.Quote(path)
	}
	fmt.Fprintf(a.stderr, `
To see what happens next:
  # %[5]s
  %[1]s sandbox accept %[2]s%[3]s
  # %[6]s
  %[1]s sandbox advance 73h%[3]s
  # %[7]s
  %[4]s
`, a.name, shellword.Quote(first.String()), state, again, accepts, expires, next)
}
