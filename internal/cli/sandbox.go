package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/orgsync/orgsync/internal/document"
	"github.com/orgsync/orgsync/internal/flagvalue"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/sandbox"
)

func (a *app) sandboxCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:         "sandbox",
		Short:       "Simulate the Vultr API, to try things without an account",
		Annotations: exitStatus(),
		Long: `The simulated API keeps one organization in a file. With --sandbox, commands
such as 'orgsync plan' and 'orgsync apply' use this organization. With the
subcommands, you act as the people of the organization, and move the clock of
the simulation. The simulation sends no mail, and nothing leaves this machine.`,
	}
	needSubcommand(cmd)
	f := cmd.PersistentFlags()
	f.Var(flagvalue.Sandbox(&a.sandbox, "path"), "file", "file of the simulated organization ($ORGSYNC_SANDBOX; "+
		"default sandbox.json in the state folder)")
	_ = f.SetAnnotation("file", variableAnnotation, []string{"ORGSYNC_SANDBOX"})
	a.addStateDirFlag(f)
	cmd.AddCommand(
		a.serveCommand(), a.acceptCommand(),
		a.personCommand("decline", "Decline a person's invitation", "declined", (*sandbox.Server).Decline),
		a.personCommand("suspend", "Suspend a user, as somebody could in the console", "is suspended now",
			(*sandbox.Server).Suspend),
		a.personCommand("leave", "Make a user leave the organization", "left", (*sandbox.Server).Leave),
		a.advanceCommand(), a.resetCommand(), a.showCommand(),
	)
	return cmd
}

func (a *app) serveCommand() *cobra.Command {
	var (
		listen, dialect string
		o               = sandbox.Options{RateLimit: 30}
		faults          []sandbox.Fault
	)
	cmd := &cobra.Command{
		Use:         "serve",
		Short:       "Serve the simulated API over HTTP until interrupted",
		Annotations: exitStatus(),
		Long: `Serves the simulated API. serve prints shell commands that set the address of
the API and a key. Run these commands in another shell. orgsync and other
clients then use the simulated API in that shell. The simulated API accepts
every key.

In some cases, Vultr's documents do not say how the API answers. A dialect is
one way in which the API may answer. An axis is one detail of the API, such as
the form of dates. A dialect has one value for each axis. docs/sandbox.md lists
dialects and axes.

A fault is a list of words in one argument. Exactly one word says what goes
wrong:

  ` + strings.Join(faultWords[:7], " ") + `
  ` + strings.Join(faultWords[7:], " ") + `

The other words are optional:

  GET, POST, PUT, PATCH, DELETE  only requests with this method
  /v2/invitation                 only requests with this path
  /v2/invitation*                only requests whose path begins with the text
                                 before the *
  after                          the server acts, and then its answer goes wrong
  late=TIME                      the server acts TIME after the wrong answer
  from=N                         begin with the N-th request
  every=N                        only every N-th request
  times=N                        only N times
  status=N                       the HTTP status, as in: status status=503
  delay=TIME                     how long the client waits for an answer

docs/sandbox.md explains all words.`,
		Example: `  orgsync sandbox serve --dialect govultr
  orgsync sandbox serve --fault 'POST drop after every=3'`,
		Args: a.noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if o.Dialect, err = sandbox.ParseDialect(dialect); err != nil {
				return &usageError{cmd.CommandPath(), err}
			}
			if o.RateLimit == 0 {
				o.RateLimit = -1 // no limit; to the server, 0 means the documented limit
			}
			s, err := a.openSandbox(o)
			if err != nil {
				return err
			}
			for _, f := range faults {
				s.AddFault(f)
			}
			return a.serve(cmd.Context(), s, listen)
		},
	}
	f := cmd.Flags()
	listen = "127.0.0.1:8080"
	f.Var(flagvalue.Listen(&listen), "listen", "`address` to listen on; port 0 picks a free port")
	f.StringVar(&dialect, "dialect", "documented", "dialect of the simulated API: a `name`, axis=value, or both, "+
		"separated by commas")
	f.Var(flagvalue.Int(&o.RateLimit, 0, 1_000_000), "rate-limit",
		"maximum number of requests in a second; 0 means no limit")
	f.Var(flagvalue.Duration(&o.Latency, 0), "latency", "delay of each answer")
	f.Var(flagvalue.Duration(&o.ListLag, 0), "list-lag", "time until the lists of users and invitations show a change")
	f.Var(flagvalue.NewSlice(&faults, "fault", parseFault), "fault", "simulate this fault; repeatable")
	var names []string
	for _, d := range sandbox.Dialects() {
		names = append(names, d.Name)
	}
	completeValues(cmd, "dialect", names)
	return cmd
}

func (a *app) acceptCommand() *cobra.Command {
	var as string
	cmd := a.personCommand("accept", "Accept a person's invitation", "accepted and is a member now",
		func(s *sandbox.Server, who string) error { return s.AcceptAs(who, as) })
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		if _, err := org.ParseAddress(as); err != nil && cmd.Flags().Changed("as") {
			return &usageError{cmd.CommandPath(), fmt.Errorf("--as is %q: %w", as, err)}
		}
		return nil
	}
	cmd.Flags().StringVar(&as, "as", "", "`address` with which the person registers, if it is not EMAIL")
	return cmd
}

// personCommand returns a command that calls do with the address of one person. done is the end of a
// sentence that says what happened to the person.
func (a *app) personCommand(name, short, done string, do func(s *sandbox.Server, who string) error) *cobra.Command {
	return &cobra.Command{
		Use:               name + " EMAIL",
		Short:             short,
		Annotations:       exitStatus(),
		Args:              exactArgs("EMAIL"),
		ValidArgsFunction: a.completeSimulated(name == "accept" || name == "decline"),
		RunE: func(cmd *cobra.Command, args []string) error {
			who, err := org.ParseAddress(args[0])
			if err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("EMAIL is %q: %w", args[0], err)}
			}
			s, err := a.openSandbox(sandbox.Options{MustExist: true})
			if err != nil {
				return err
			}
			if err := do(s, who.String()); err != nil {
				return withStep(stepSandboxAction, fmt.Errorf("%w (in %s)", err, a.simulationName(s)))
			}
			return a.printSimulated(s, fmt.Sprintf("%s %s.", who, done))
		},
	}
}

func (a *app) advanceCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "advance DURATION",
		Short:       "Move the simulation's clock forward",
		Annotations: exitStatus(),
		Example:     "  orgsync sandbox advance 3d",
		Args:        exactArgs("DURATION"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var by time.Duration
			if err := flagvalue.Duration(&by, time.Second).Set(args[0]); err != nil {
				return &usageError{cmd.CommandPath(), fmt.Errorf("DURATION %w", err)}
			}
			s, err := a.openSandbox(sandbox.Options{MustExist: true})
			if err != nil {
				return err
			}
			if err := s.Advance(by); err != nil {
				return withStep(stepAdvance, err)
			}
			return a.printSimulated(s, fmt.Sprintf("The simulation's clock says %s.", document.FormatTime(s.Now())))
		},
	}
}

func (a *app) resetCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "reset",
		Short:       "Reset the simulation to an empty organization",
		Annotations: exitStatus(),
		Args:        a.noArguments,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.openSandbox(sandbox.Options{})
			_, unreadable := errors.AsType[*fs.PathError](err)
			damaged, ok := errors.AsType[*sandbox.StateError](err)
			if ok && !unreadable && !errors.Is(err, sandbox.ErrNotSimulation) {
				// Reset replaces a damaged state file. A file that is no state file was named by mistake.
				if err := os.Remove(damaged.File); err != nil {
					return err
				}
				s, err = a.openSandbox(sandbox.Options{})
			}
			if err != nil {
				return err
			}
			if err := s.Reset(); err != nil {
				return err
			}
			return a.printSimulated(s, "The simulation has a new organization. Its owner is the only member.")
		},
	}
}

func (a *app) showCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "show",
		Short:       "Show the simulated organization, its users and its invitations",
		Annotations: exitStatus(),
		Args:        a.noArguments,
		RunE: func(*cobra.Command, []string) error {
			s, err := a.openSandbox(sandbox.Options{MustExist: true})
			if err != nil {
				return err
			}
			return a.show(s.World())
		},
	}
}

// simulationName returns the name of the organization of s, and its file.
func (a *app) simulationName(s *sandbox.Server) string {
	file, _ := a.sandboxFile() // the error is nil, because s is already open
	return fmt.Sprintf("%s, %s", printable.Clean(s.World().Organization.Name, nameWidth), clean(file))
}

// printSimulated writes done, a sentence about what the command did, and the name of the simulation.
func (a *app) printSimulated(s *sandbox.Server, done string) error {
	_, err := fmt.Fprintf(a.stdout, "%s\nSimulation: %s\n", done, a.simulationName(s))
	return err
}

// completeSimulated returns a function that offers people of the simulation. If invited is true, they
// are the people with a pending invitation; otherwise, they are the users without the owner.
func (a *app) completeSimulated(invited bool) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		for _, flag := range []string{"file", "state-dir"} {
			if f := cmd.Flags().Lookup(flag); f != nil && !f.Changed {
				_ = setFlagFromEnvironment(f, a.getenv)
			}
		}
		s, err := a.openSandbox(sandbox.Options{MustExist: true})
		if len(args) > 0 || err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		var offers []string
		w := s.World()
		for _, i := range w.Invitations {
			if invited && i.State == "pending" {
				offers = appendOffer(offers, prefix, i.Email, "")
			}
		}
		for _, u := range w.Users {
			if !invited && !u.Owner {
				offers = appendOffer(offers, prefix, u.Email, u.Name)
			}
		}
		return offers, cobra.ShellCompDirectiveNoFileComp
	}
}

// show writes the state of the simulation as tables.
func (a *app) show(w sandbox.World) error {
	var users, invitations []document.Row
	for _, u := range w.Users {
		state := "active"
		switch {
		case u.Suspended:
			state = "suspended"
		case u.Owner:
			state = "owner"
		}
		access := strings.Join(slices.Concat(u.Groups, u.Roles, u.Policies), ", ")
		users = append(users, plainRow(u.Email, u.Name, state, access))
	}
	for _, i := range w.Invitations {
		invitations = append(invitations, plainRow(i.Email, i.State, document.FormatTime(i.Created),
			document.FormatTime(i.Expires), i.ID))
	}
	title := fmt.Sprintf("%s (%s), %s", w.Organization.Name, w.Organization.ID, document.FormatTime(w.Now))
	d := document.Document{Blocks: []document.Block{
		document.Paragraph{printable.Clean(title, maxCell)}, plainTable(users, "user", "name", "state", "access"),
	}}
	if len(invitations) > 0 {
		d.Blocks = append(d.Blocks, plainTable(invitations, "invitation", "state", "sent", "expires", "id"))
	}
	return document.WriteText(a.stdout, d, 0, false)
}

// maxCell is the maximum width of a cell: the maximum length of an address, because accept needs all of it.
const maxCell = 254

func plainRow(texts ...string) document.Row {
	var r document.Row
	for _, text := range texts {
		r.Cells = append(r.Cells, document.Cell{Text: document.MarkWithin(text, maxCell)})
	}
	return r
}

func plainTable(rows []document.Row, heads ...string) document.Table {
	t := document.Table{Rows: rows, ShowHeads: true}
	for _, head := range heads {
		t.Columns = append(t.Columns, document.Column{Head: head})
	}
	return t
}
