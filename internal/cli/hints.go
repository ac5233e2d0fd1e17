package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"

	"github.com/orgsync/orgsync/internal/apply"
	"github.com/orgsync/orgsync/internal/ledger"
	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/report"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/sandbox"
	"github.com/orgsync/orgsync/internal/state"
)

// errorWidth is the maximum width of one line of an error, in columns.
const errorWidth = 600

// usageError is a command line or an environment variable that orgsync does not understand.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// clientError says that the settings do not make a valid API client.
type clientError struct{ err error }

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// step is a part of a command whose errors share a hint: it depends on what was tried rather than
// on what went wrong.
type step int

const (
	stepReadKey step = iota + 1
	stepReadRoster
	stepReadGit
	stepFindPerson
	stepSavePlan
	stepMerge
	stepRecord
	stepSandboxAction
	stepAdvance
	stepListen
	stepCompare
	stepInit
	stepReadCSV
	stepFormat
)

// stepError is an error with the step that it happened in.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// withStep returns err as a stepError; nil stays nil.
func withStep(s step, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{s, err}
}

var stepHints = map[step]string{
	stepReadKey: "--api-key-file (ORGSYNC_API_KEY_FILE) must name a file that you may read and that holds " +
		"only the key",
	stepReadRoster: "--roster (ORGSYNC_ROSTER) must name a file, or a folder of *.yaml and *.yml files; 'orgsync " +
		"init' writes a first roster, and 'orgsync import' makes one from the organization",
	stepReadGit: "run orgsync inside the repository, with the commit fetched (in CI: fetch-depth: 0); 'git show " +
		"REF:PATH' must show the file",
	stepFindPerson: "'orgsync status' without an address lists everybody in the roster",
	stepSavePlan:   "--out (ORGSYNC_OUT) must name a file in an existing folder that you may write to",
	stepMerge: "--merge must name a file of the roster; if the roster has more files, name all of it with " +
		"--roster",
	stepRecord:        "--record (ORGSYNC_RECORD) must name a new or empty folder that you may write to",
	stepSandboxAction: "'orgsync sandbox show' lists the users and the invitations",
	stepAdvance:       "'orgsync sandbox reset' starts over",
	stepCompare:       "OLD and NEW must be files, folders of *.yaml and *.yml files, or git:REF:PATH",
	stepInit:          "orgsync init never replaces a file; name another one, or remove it first",
	stepFormat:        "ROSTER must be files that you may write to, or folders of *.yaml and *.yml files",
	stepReadCSV: "--csv needs a CSV file with a header line, such as email,name,groups, or a plain list of " +
		"addresses",
	stepListen: "--listen (ORGSYNC_LISTEN) must be HOST:PORT on this machine; port 0 picks a free port",
}

var (
	errNoKey       = errors.New("there is no API key")
	errNotAccepted = errors.New("not confirmed: nothing was changed")
)

// printErrorAndHint writes err on stderr, with every problem of a roster on its own line, and then
// what to do about it.
func (a *app) printErrorAndHint(err error) {
	line := err.Error()
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok {
		if !a.reported {
			_ = report.WriteText(a.stderr, report.ProblemsDocument(invalid.Problems), 0, false)
		}
		what := "roster"
		if isCSVProblem(err) {
			what = "CSV file"
		}
		line = fmt.Sprintf("the %s has %d problems", what, len(invalid.Problems))
		if len(invalid.Problems) == 1 {
			line = fmt.Sprintf("the %s has 1 problem", what)
		}
	}
	a.printMessage("orgsync: " + line)
	if hint := a.hint(err); hint != "" {
		a.printMessage("hint: " + hint)
	}
}

// printMessage writes text on stderr, folded to the width of the window.
func (a *app) printMessage(text string) {
	// Redact before the text is cut and folded: a part of a secret would no longer be recognized.
	text = a.secrets.redact(report.Clean(text, len(text)))
	_ = report.Sentence(a.stderr, text, errorWidth, a.windowWidth(a.stderr))
}

// hint returns what to do about err; "" when there is nothing to add to the error.
func (a *app) hint(err error) string {
	if problem, ok := errors.AsType[*state.Problem](err); ok {
		return problem.Advice
	}
	if advised, ok := errors.AsType[*adviceError](err); ok {
		return advised.advice
	}
	if usage, ok := errors.AsType[*usageError](err); ok {
		return fmt.Sprintf("'%s --help' shows its arguments and flags", usage.command)
	}
	if limit, ok := errors.AsType[*plan.LimitError](err); ok {
		return fmt.Sprintf("review the plan; if this is intended, allow it for one run with %s %d, or permanently with "+
			"settings.%s in the roster",
			limit.Flag, limit.Planned, limit.Setting)
	}
	if is[*plan.StaleError](err) {
		return "review a new plan and save it again with 'orgsync plan --out'; plan and apply need the same flags"
	}
	if planFile, ok := errors.AsType[*planFileError](err); ok {
		return a.planFileHint(planFile)
	}
	if is[*apply.ElsewhereError](err) {
		return "before you run again, find out in Vultr's console which organization this key invites people to; use a " +
			"key of the right organization"
	}
	if pin, ok := errors.AsType[*org.PinError](err); ok {
		if pin.Pin == "" {
			return "name the organization in the roster, as in organization: NAME, or by its id"
		}
		return "use a key of the roster's organization, or fix the `organization` line of the roster"
	}
	if isCSVProblem(err) {
		return stepHints[stepReadCSV]
	}
	if is[*roster.ProblemsError](err) && !a.reported {
		return "nothing was sent; fix the roster and run again ('orgsync validate' checks everything that can be checked " +
			"without a key)"
	}
	if is[*plan.UnknownNameError](err) {
		return stepHints[stepFindPerson]
	}
	if is[*plan.NeedsError](err) {
		return "give the key's user the permission iam.user.*, or remove this from the roster"
	}
	if lacking, ok := errors.AsType[*plan.UnknownAccessError](err); ok {
		create := "create what is missing in Vultr's console"
		if lists := missingLists(lacking.Missing); len(lists) > 0 {
			create = "in Vultr's console, " + strings.Join(lists, "; ")
		}
		return create + "; or correct the names in the roster; apply does everything else"
	}
	if is[*unformattedError](err) {
		return "run 'orgsync fmt' to format them"
	}
	if locked, ok := errors.AsType[*state.LockedError](err); ok && locked.ID != "" {
		return "wait until the other run has ended, or allow more time with --lock-timeout; a lock whose run has died can be " +
			"taken after 45 seconds, or at once after 'orgsync state unlock " + locked.ID + "'"
	}
	if is[*state.LostError](err) {
		return "run again to continue: finished changes are not repeated"
	}
	if is[*otherStateError](err) {
		return "two runs with different ledgers mail everybody twice: remove --state (ORGSYNC_STATE), or change the roster's state"
	}
	if is[*ledger.RetiredError](err) {
		return "use the new place: set --state (ORGSYNC_STATE) there, and remove the old one from every job"
	}
	if is[*state.LockedError](err) {
		return "wait until the other run has ended, or let this one wait with --lock-timeout 10m; the lock ends with its " +
			"process, so there is nothing to unlock by hand"
	}
	if is[*signalError](err) {
		return "run again to continue: nobody is mailed twice"
	}
	if is[*timeoutError](err) {
		return "run again to continue, or allow more time with --timeout"
	}
	switch {
	case errors.Is(err, errNoKey):
		return "set VULTR_API_KEY, or name a file with --api-key-file; to try without a key, add --sandbox"
	case errors.Is(err, errNobodyToList):
		return "write a roster by hand: the line 'users:', and below it '  - email: ADDRESS' for each person"
	case errors.Is(err, errNoGit):
		return "install git, or compare two files: orgsync diff OLD.yaml NEW.yaml"
	case errors.Is(err, errNotAccepted):
		return "answer y to apply the plan, or pass --yes"
	case errors.Is(err, reconcile.ErrOrganizationChanged):
		return "run again and review the new plan"
	case is[*clientError](err):
		return "--api-url (VULTR_API_URL) must be https://HOST, or http:// for a server on this machine; the key must be " +
			"one line of printable characters"
	case is[*reconcile.StateError](err):
		return stateHint(err)
	case is[*sandbox.StateError](err):
		return sandboxHint(err)
	case isOnlyHeld(err):
		return "the notices say what to do for each of them; running again does not help"
	case is[*unfinishedError](err) && !is[*org.CallError](err):
		if e, _ := errors.AsType[*unfinishedError](err); e.failed > 0 {
			return "fix the cause of what failed, then run again: finished changes are not repeated"
		}
		return "run again: finished changes are not repeated, and unclear cases are settled 15 minutes later"
	}
	if call, ok := errors.AsType[*org.CallError](err); ok {
		return a.callHint(call)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return "free space on the disk that the output goes to, and run again"
	}
	if tried, ok := errors.AsType[*stepError](err); ok {
		if tried.step == stepReadRoster && errors.Is(err, fs.ErrPermission) {
			return "let the user that runs orgsync read the file, or name one that it may read with --roster (ORGSYNC_ROSTER)"
		}
		return stepHints[tried.step]
	}
	return ""
}

// planFileHint returns what to do about an argument of apply that is not a plan.
func (a *app) planFileHint(e *planFileError) string {
	word := shellWord(e.file)
	info, err := os.Stat(e.file)
	switch {
	case isTable(e.file):
		return "to make a roster of it: orgsync import --csv " + word
	case isRosterName(e.file), err == nil && info.IsDir():
		return "to use it as the roster: orgsync apply" + a.simulationWords() + " --roster " + word
	case err != nil && looksLikeAddress(e.file):
		return "to act on one person: orgsync apply" + a.simulationWords() + " --only " + word
	case a.sandbox.on:
		return "PLANFILE must be a plan saved with 'orgsync plan --out'; to name the file of a simulation, write " +
			"--sandbox=FILE as one word"
	case errors.Is(e.err, fs.ErrPermission):
		return "PLANFILE must be a plan that you may read"
	}
	return "save a plan with 'orgsync plan --out FILE', and name that file"
}

// isCSVProblem reports whether err is about the file of --csv.
func isCSVProblem(err error) bool {
	tried, ok := errors.AsType[*stepError](err)
	return ok && tried.step == stepReadCSV
}

// missingLists returns what to create, as in `create these 2 groups: "everyone", "platform"`.
func missingLists(missing []org.AccessName) []string {
	names := map[org.Kind][]string{}
	for _, m := range missing {
		names[m.Kind] = append(names[m.Kind], fmt.Sprintf("%q", m.Name))
	}
	var lists []string
	for _, kind := range org.Kinds {
		plural := string(kind) + "s"
		if kind == org.KindPolicy {
			plural = "policies"
		}
		switch list := names[kind]; len(list) {
		case 0:
		case 1:
			lists = append(lists, fmt.Sprintf("create the %s %s", kind, list[0]))
		default:
			lists = append(lists, fmt.Sprintf("create these %d %s: %s", len(list), plural, strings.Join(list, ", ")))
		}
	}
	return lists
}

// isOnlyHeld reports whether an apply made all its changes and is unfinished only because people
// are not invited for a reason that a notice gives, or because the organization lacks access that
// the roster names.
func isOnlyHeld(err error) bool {
	e, ok := errors.AsType[*unfinishedError](err)
	return ok && e.undone == 0 && e.unsettled == 0 && e.err == nil
}

// sandboxHint returns what to do about an error of the simulation's state file.
func sandboxHint(err error) string {
	switch {
	case errors.Is(err, sandbox.ErrForeign):
		return "name the file of a simulation with --sandbox=FILE, or with --file in 'orgsync sandbox'"
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk, and run again"
	case isUnwritable(err):
		return "the simulation keeps its state there; name a file that you may write to with --sandbox=FILE (in 'orgsync " +
			"sandbox': --file), or another folder with --state-dir"
	}
	return "the simulation keeps its state there; remove the file to start over, or name another one"
}

// isUnwritable reports whether err means that the place cannot be written to.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrExist) ||
		errors.Is(err, syscall.ENOTDIR)
}

// stateHint returns what to do about an error of the state folder.
func stateHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "free space on the disk: orgsync sends nothing that it cannot write to its ledger"
	case isUnwritable(err):
		return "orgsync keeps its ledger there; name a folder that it may write to with --state-dir"
	}
	return "orgsync keeps its ledger in the state folder; --state-dir names another folder"
}

// callHint returns what to do about a failed call to the API.
func (a *app) callHint(call *org.CallError) string {
	var lookup *net.DNSError
	switch {
	case call.Status == 401:
		return "the key was not accepted: check VULTR_API_KEY or --api-key-file, and in Vultr's console whether the key " +
			"exists and may be used from this address"
	case call.Status == 403:
		return "the key may not do this: its user must be the account's owner, or have the permissions iam.invitation.* " +
			"and iam.user.*, and those of iam.group.*, iam.role.* and iam.policy.* that the roster uses"
	case call.Status == 404:
		return "the API does not know this address: check --api-url (VULTR_API_URL)"
	case call.Status == 429:
		return "too many requests for too long: lower --rate, or wait until other programs at this network address send " +
			"fewer requests"
	case call.Status >= 500:
		return "the problem is on the server's side: run again later"
	case errors.As(call, &lookup):
		return "the name of the API's host cannot be resolved: check the network, and --api-url (VULTR_API_URL)"
	case errors.Is(call, syscall.ECONNREFUSED):
		return "nothing listens at the API's address: check --api-url (VULTR_API_URL) and HTTPS_PROXY"
	case isTLS(call):
		return "no trusted connection: check --api-url (VULTR_API_URL); if a proxy intercepts TLS here, trust its " +
			"certificate authority (SSL_CERT_FILE)"
	case isTimeout(call):
		return "no answer in time: check the network, or allow more time with --request-timeout"
	case call.Failure == org.Unreadable:
		return "this is not how the API answers: check --api-url (VULTR_API_URL) and HTTPS_PROXY, and run 'orgsync " +
			"doctor'; if the list changed while it was read, run again"
	}
	return "run again later; --log-level debug shows every request"
}

func isTLS(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") // net/http has no error type for it
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
