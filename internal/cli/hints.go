package cli

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
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
)

// errorWidth is how wide one line of an error may be.
const errorWidth = 600

// usageError is a command line or an environment that cannot be understood.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// clientError is an API client that cannot be made from the settings.
type clientError struct{ err error }

func (e *clientError) Error() string { return e.err.Error() }
func (e *clientError) Unwrap() error { return e.err }

// step is something that a command does, where the way out depends on what was tried rather than on what went wrong.
type step int

const (
	stepReadKey step = iota + 1
	stepReadRoster
	stepReadGit
	stepFindPerson // somebody in the roster
	stepSavePlan
	stepMerge
	stepRecord
	stepSandboxAction // the people of the simulation
	stepAdvance
	stepListen
	stepCompare
)

// stepError is an error of a step.
type stepError struct {
	step step
	err  error
}

func (e *stepError) Error() string { return e.err.Error() }
func (e *stepError) Unwrap() error { return e.err }

// withStep marks err as one of a step; nil stays nil.
func withStep(s step, err error) error {
	if err == nil {
		return nil
	}
	return &stepError{s, err}
}

var stepHints = map[step]string{
	stepReadKey:       "--api-key-file (ORGSYNC_API_KEY_FILE) names a file that holds nothing but the key, and that you may read",
	stepReadRoster:    "--roster (ORGSYNC_ROSTER) names a file, or a folder of *.yaml and *.yml files; 'orgsync import' makes a first one from the organization",
	stepReadGit:       "run it inside the repository, with the commit fetched (in CI: fetch-depth: 0); 'git show REF:PATH' has to show the file",
	stepFindPerson:    "'orgsync status' without an address lists everybody in the roster",
	stepSavePlan:      "--out (ORGSYNC_OUT) names a file in a folder that is there, and that you may write to",
	stepMerge:         "--merge names a file of the roster; where that has more, --roster names all of it",
	stepRecord:        "--record (ORGSYNC_RECORD) names a folder that is new or empty, and that you may write to",
	stepSandboxAction: "'orgsync sandbox show' shows who is there and who is invited",
	stepAdvance:       "'orgsync sandbox reset' begins anew",
	stepCompare:       "OLD and NEW are files, folders of *.yaml and *.yml files, or git:REF:PATH",
	stepListen:        "--listen (ORGSYNC_LISTEN) is HOST:PORT on this machine; port 0 takes a free one",
}

var (
	errNoKey       = errors.New("there is no API key")
	errNotAccepted = errors.New("not confirmed: nothing was changed")
)

// printErrorAndHint prints err on stderr, every problem of a roster on its own line, and then what to do about it.
func (a *app) printErrorAndHint(err error) {
	line := err.Error()
	if invalid, ok := errors.AsType[*roster.ProblemsError](err); ok {
		if !a.reported {
			_ = report.ProblemsText(a.stderr, invalid.Problems)
		}
		line = fmt.Sprintf("the roster has %d problems", len(invalid.Problems))
		if len(invalid.Problems) == 1 {
			line = "the roster has 1 problem"
		}
	}
	a.printMessage("orgsync: " + line)
	if hint := a.hint(err); hint != "" {
		a.printMessage("hint: " + hint)
	}
}

// printMessage writes a sentence on stderr, as wide as the window is.
func (a *app) printMessage(text string) {
	// Before it is cut and folded, which would leave a part of a secret.
	text = a.secrets.redact(report.Clean(text, len(text)))
	_ = report.Sentence(a.stderr, text, errorWidth, a.windowWidth(a.stderr))
}

// hint says what to do about err; "" when there is nothing to say that the error does not.
func (a *app) hint(err error) string {
	if usage, ok := errors.AsType[*usageError](err); ok {
		return fmt.Sprintf("'%s --help' shows what it takes", usage.command)
	}
	if limit, ok := errors.AsType[*plan.LimitError](err); ok {
		return fmt.Sprintf("look at the plan; if it is meant so, allow it for one run with %s %d, or for good with settings.%s in the roster",
			limit.Flag, limit.Planned, limit.Setting)
	}
	if is[*plan.StaleError](err) {
		return "look at a fresh plan and save it anew with 'orgsync plan --out'; plan and apply need the same flags"
	}
	if is[*planFileError](err) {
		if a.sandbox.on {
			return "the file is a plan saved with 'orgsync plan --out'; the file of a simulation is --sandbox=FILE, in one word"
		}
		return "save a plan with 'orgsync plan --out FILE', and name that file"
	}
	if is[*apply.ElsewhereError](err) {
		return "do not run again before you know, from Vultr's console, for which organization this key invites; use a key of the right one"
	}
	if pin, ok := errors.AsType[*org.PinError](err); ok {
		if pin.Pin == "" {
			return "say in the roster which one is meant: organization: NAME, or its id"
		}
		return "use a key of the roster's organization, or mend the `organization` line of the roster"
	}
	if is[*roster.ProblemsError](err) && !a.reported {
		return "nothing was sent; mend the roster and run again ('orgsync validate' checks all that needs no key)"
	}
	if is[*plan.NeedsError](err) {
		return "give the key's user the permission iam.user.*, or take this out of the roster"
	}
	if is[*plan.UnknownAccessError](err) {
		return "create what is missing in Vultr's console, or correct the names in the roster; apply does everything else"
	}
	if is[*ledger.LockedError](err) {
		return "wait until it is done, or let this run wait with --lock-timeout 10m; the lock ends with the process that holds it, there is nothing to unlock by hand"
	}
	if is[*signalError](err) {
		return "run again to go on: nobody is mailed twice"
	}
	if is[*timeoutError](err) {
		return "run again to go on, or allow more time with --timeout"
	}
	switch {
	case errors.Is(err, errNoKey):
		return "set VULTR_API_KEY, or name a file with --api-key-file; to try without a key, add --sandbox"
	case errors.Is(err, errNobodyToList):
		return "write a roster by hand: the line 'users:', and below it '  - email: ADDRESS' for each person"
	case errors.Is(err, errNoGit):
		return "install git, or compare two files: orgsync diff OLD.yaml NEW.yaml"
	case errors.Is(err, errNotAccepted):
		return "answer y to go on, or give --yes"
	case errors.Is(err, reconcile.ErrOrganizationChanged):
		return "run again and look at the new plan"
	case is[*clientError](err):
		return "--api-url (VULTR_API_URL) is https://HOST, and http:// only for a server on this machine; the key is one line of printable characters"
	case is[*reconcile.StateError](err):
		return stateHint(err)
	case is[*sandbox.StateError](err):
		return sandboxHint(err)
	case isOnlyHeld(err):
		return "the notices say what is to be done for each of them; running again does not help"
	case is[*unfinishedError](err) && !is[*org.CallError](err):
		return "run again: what is done is not done twice, and what is not known is known a quarter of an hour later"
	}
	if call, ok := errors.AsType[*org.CallError](err); ok {
		return a.callHint(call)
	}
	if errors.Is(err, syscall.ENOSPC) {
		return "make room on the disk that the output goes to, and run again"
	}
	if tried, ok := errors.AsType[*stepError](err); ok {
		if tried.step == stepReadRoster && errors.Is(err, fs.ErrPermission) {
			return "let the user that runs orgsync read the file, or name one that it may read with --roster (ORGSYNC_ROSTER)"
		}
		return stepHints[tried.step]
	}
	return ""
}

// isOnlyHeld reports whether an apply did all it could, and only people who are held back or access that the organization
// lacks keep it from being done.
func isOnlyHeld(err error) bool {
	e, ok := errors.AsType[*unfinishedError](err)
	return ok && e.undone == 0 && e.unsettled == 0 && e.err == nil
}

// sandboxHint is about the file that the simulated API keeps its state in.
func sandboxHint(err error) string {
	switch {
	case errors.Is(err, sandbox.ErrForeign):
		return "name the file of a simulation with --sandbox=FILE, in 'orgsync sandbox' with --file"
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk, and run again"
	case isUnwritable(err):
		return "the simulation keeps its state there; name a file that may be written with --sandbox=FILE, in 'orgsync sandbox' with --file, or another folder with --state-dir"
	}
	return "the simulation keeps its state there; remove the file to begin anew, or name another one"
}

// isUnwritable tells whether nothing can be kept where err comes from.
func isUnwritable(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENOTDIR)
}

func stateHint(err error) string {
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return "make room on the disk: orgsync sends nothing that it cannot remember"
	case isUnwritable(err):
		return "orgsync keeps there what it sent; name a folder that it may write to with --state-dir"
	}
	return "orgsync keeps its memory in the state folder; --state-dir names another one"
}

// callHint is about a call to the API.
func (a *app) callHint(call *org.CallError) string {
	var lookup *net.DNSError
	switch {
	case call.Status == 401:
		return "the key was not accepted: check VULTR_API_KEY or --api-key-file, and in Vultr's console whether the key exists and may be used from this address"
	case call.Status == 403:
		return "the key may not do this: its user needs the permissions iam.invitation.* and iam.user.*, iam.group.*, iam.role.* and iam.policy.* as far as the roster names such, or be the account's owner"
	case call.Status == 404:
		return "the API does not know this address: check --api-url (VULTR_API_URL)"
	case call.Status == 429:
		return "too many requests for too long: lower --rate, or wait for whoever else works from this network address"
	case call.Status >= 500:
		return "the trouble is on the server's side: run again later"
	case errors.As(call, &lookup):
		return "the name of the API's host cannot be looked up: check the network, and --api-url (VULTR_API_URL)"
	case errors.Is(call, syscall.ECONNREFUSED):
		return "nothing listens at the API's address: check --api-url (VULTR_API_URL) and HTTPS_PROXY"
	case isTLS(call):
		return "no trusted connection: check --api-url (VULTR_API_URL); if a proxy opens TLS here, its authority must be trusted (SSL_CERT_FILE)"
	case isTimeout(call):
		return "no answer in time: check the network, or allow more with --request-timeout"
	case call.Failure == org.Unreadable:
		return "this is not how the API answers: check --api-url (VULTR_API_URL) and HTTPS_PROXY, and look at 'orgsync doctor'; rows that move while they are read come right when it is run again"
	}
	return "run again later; --log-level debug shows every request"
}

func isTLS(err error) bool {
	return is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client") // net/http has no type for it
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &t) && t.Timeout()
}
