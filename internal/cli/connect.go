package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/orgsync/orgsync/internal/org"
	"github.com/orgsync/orgsync/internal/reconcile"
	"github.com/orgsync/orgsync/internal/roster"
	"github.com/orgsync/orgsync/internal/state"
	"github.com/orgsync/orgsync/internal/vultr"
)

// maxKeyFile is the maximum size of a key file, in bytes. A key is far shorter.
const maxKeyFile = 64 << 10

// connect returns a client of the API or, with --sandbox, of a simulated API in this process. Unless
// there is an error, the caller must call stop at the end.
func (a *app) connect(ctx context.Context) (client *vultr.Client, stop func(), err error) {
	config := vultr.Config{
		BaseURL: a.apiURL, UserAgent: "orgsync/" + buildVersion(), Rate: a.rate, Concurrency: a.concurrency,
		RequestTimeout: a.requestTimeout, Log: a.log,
		ListProgress: func(done, known int) { a.progress.show("Reading", done, known) },
	}
	stop = func() {}
	if a.sandbox.On {
		config.Key = sandboxKey
		if config.BaseURL, stop, err = a.startSandbox(); err != nil {
			return nil, nil, err
		}
	} else if config.Key, err = a.readKey(ctx); err != nil {
		return nil, nil, err
	}
	if client, err = vultr.New(config); err != nil {
		stop()
		return nil, nil, withStep(stepMakeClient, err)
	}
	return client, stop, nil
}

// openSession connects, opens the state and opens a session for the roster r. open is
// [reconcile.Open] or [reconcile.OpenAhead]. Unless there is an error, the caller must call stop at
// the end.
func (a *app) openSession(
	ctx context.Context, r *roster.Roster, open func(context.Context, reconcile.Options) (*reconcile.Session, error),
) (session *reconcile.Session, stop func(), err error) {
	place, err := a.statePlaceOf(r)
	if err != nil {
		return nil, nil, err
	}
	client, stop, err := a.connect(ctx)
	if err != nil {
		return nil, nil, err
	}
	a.run.stats = client.Stats
	places, _, err := a.openChosenState(ctx, place)
	if err != nil {
		stop()
		return nil, nil, err
	}
	stopClient := stop
	stop = func() {
		stopClient()
		places.Close()
	}
	session, err = open(ctx, reconcile.Options{
		Provider: client, Roster: r, AfterReading: a.progress.clear,
		Store: func(ctx context.Context, in org.Organization) (state.Store, error) {
			return places.Store(ctx, in.ID)
		},
		Flags:      a.planFlags,
		Identified: func(in org.Organization) { a.setOrganization(in, r) },
		Warn:       func(text string) { a.log.Warn(text) },
	})
	a.progress.clear()
	if err != nil {
		stop()
		return nil, nil, err
	}
	return session, stop, nil
}

// setOrganization records the organization for logs and metrics, and writes the header. It pins r to
// a simulated organization, because only a pinned roster may remove people.
func (a *app) setOrganization(in org.Organization, r *roster.Roster) {
	if a.sandbox.On {
		r.Organization = in.ID
	}
	a.run.Organization = in
	if !a.quiet {
		a.writeHeader(a.stdout)
	}
}

// readKey returns the API key, which it reads from the file of --api-key-file or, without this flag,
// from VULTR_API_KEY. Without a key, the error is errNoKey.
func (a *app) readKey(ctx context.Context) (string, error) {
	if a.apiKeyFile == "" {
		key := a.getenv("VULTR_API_KEY")
		if key == "" {
			return "", errNoKey
		}
		return strings.TrimRight(key, "\r\n"), nil
	}
	info, err := os.Stat(a.apiKeyFile)
	if err != nil && a.secrets.Contains(a.apiKeyFile) {
		return "", withStep(stepReadKey, errors.New(
			"read the API key: --api-key-file must name a file, but its value looks like the key itself"))
	}
	content, err := interruptible(ctx, "read the API key", func() ([]byte, error) {
		content, err := readUpTo(a.apiKeyFile, maxKeyFile+1)
		if err != nil {
			err = withStep(stepReadKey, fmt.Errorf("read the API key: %w", err))
		}
		return content, err
	})
	if err != nil {
		return "", err
	}
	if len(content) > maxKeyFile {
		return "", withStep(stepReadKey, fmt.Errorf("read the API key: %s is larger than %d bytes", a.apiKeyFile, maxKeyFile))
	}
	key := strings.TrimRight(string(content), "\r\n")
	if key == "" {
		return "", withStep(stepReadKey, fmt.Errorf("%w: %s is empty", errNoKey, a.apiKeyFile))
	}
	a.secrets.AddKey(key)
	// Windows has no such modes. The group may read the file, because systemd and Kubernetes give
	// secrets to a group.
	if runtime.GOOS != "windows" && info != nil && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		a.log.Warn("other users of this machine may read the key file; run chmod 600 on it", "file", a.apiKeyFile, "mode",
			info.Mode().String())
	}
	return key, nil
}
