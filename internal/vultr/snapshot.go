package vultr

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/org"
)

// ReadOrganization reads what a plan is made from, all lists at the same time. The result is complete or an error. Groups,
// roles and policies are read as far as wanted says; nil wants none.
//
// Missing rights are told apart from failures: users that may not be listed (403) give UsersSeen false, suspended users
// and the account (403, 404) SuspendedSeen false and no Self; organizations see [Client.Identify]. A key that does not
// work (401) is an error everywhere, and so are invitations that cannot be read. Invitations of another organization
// are an [*org.PinError].
func (c *Client) ReadOrganization(ctx context.Context, pin string, wanted org.Wanted) (org.Snapshot, error) {
	return c.readOrganization(ctx, pin, c.listInvitationsOnce(ctx), func(ctx context.Context) ([]accessRow, error) {
		return c.readAccess(ctx, wanted)
	})
}

// invitationsOnce lists the invitations at most once, whoever asks for them: the reading and, where organizations are not
// shown, finding out which one it is. stop ends the listing.
type invitationsOnce struct {
	rows func() (pages[org.Invitation], error)
	stop context.CancelFunc
}

func (c *Client) listInvitationsOnce(ctx context.Context) invitationsOnce {
	ctx, stop := context.WithCancel(ctx)
	return invitationsOnce{stop: stop, rows: sync.OnceValues(func() (pages[org.Invitation], error) {
		defer stop()
		return listPages(ctx, c, invitations)
	})}
}

// list is all rows.
func (o invitationsOnce) list() ([]org.Invitation, error) {
	p, err := o.rows()
	return p.rows, err
}

// ReadAhead is [Client.Identify] and [Client.ReadOrganization] at the same time: the reading goes on while its caller does
// what needs the organization only. snapshot waits for it; where ctx ends first, it ends too. With an error, which is that of
// Identify, nothing is being read any more.
func (c *Client) ReadAhead(ctx context.Context, pin string, wanted org.Wanted) (in org.Organization, snapshot func() (org.Snapshot, error), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var s org.Snapshot
	var failed error
	done := make(chan struct{})
	listed := c.listInvitationsOnce(ctx)
	go func() {
		defer close(done)
		s, failed = c.readOrganization(ctx, pin, listed, func(ctx context.Context) ([]accessRow, error) {
			return c.readAccess(ctx, wanted)
		})
	}()
	known, err := c.identify(ctx, pin, listed.list)
	if err != nil {
		given := ctx.Err()
		cancel()
		<-done
		if given == nil && failed != nil && errors.Is(err, context.Canceled) {
			err = failed // the reading failed, and took the list of invitations with it
		}
		return org.Organization{}, nil, err
	}
	return known.is, func() (org.Snapshot, error) {
		<-done
		cancel()
		return s, failed
	}, nil
}

// ReadAll is [Client.ReadOrganization] with all groups, roles and policies and all who have them, one list for each. Kinds
// that the key may not read, or the API does not have (403, 404), are unseen and no error.
func (c *Client) ReadAll(ctx context.Context, pin string) (s org.Snapshot, unseen []org.Kind, err error) {
	s, err = c.readOrganization(ctx, pin, c.listInvitationsOnce(ctx), func(ctx context.Context) (rows []accessRow, err error) {
		rows, unseen, err = c.readAllAccess(ctx)
		return rows, err
	})
	return s, unseen, err
}

func (c *Client) readOrganization(
	ctx context.Context, pin string, listed invitationsOnce, readAccess func(context.Context) ([]accessRow, error),
) (org.Snapshot, error) {
	var s org.Snapshot
	var access []accessRow
	var all, suspended pages[org.User]
	g, ctx := errgroup.WithContext(ctx)
	defer context.AfterFunc(ctx, listed.stop)()
	g.Go(func() (err error) {
		s.Invitations, err = listed.list()
		return err
	})
	g.Go(func() (err error) {
		all, err = listPages(ctx, c, users)
		if hasStatus(err, http.StatusForbidden) {
			return nil
		}
		s.UsersSeen = err == nil
		return err
	})
	g.Go(func() (err error) {
		access, err = readAccess(ctx)
		return err
	})
	g.Go(func() (err error) {
		s.Self, err = c.self(ctx)
		return err
	})
	g.Go(func() error {
		known, err := c.identify(ctx, pin, listed.list)
		if err != nil {
			return err
		}
		s.Organization, s.PinConfirmed = known.is, known.confirmed
		if s.Organization.ID == "" {
			return nil
		}
		id, err := pathID(s.Organization.ID)
		if err != nil {
			return fmt.Errorf("list suspended users: %w", err)
		}
		suspended, err = listPages(ctx, c, suspendedUsers(id))
		if Hidden(err) {
			return nil
		}
		s.SuspendedSeen = err == nil
		s.PinConfirmed = s.PinConfirmed || s.SuspendedSeen
		return err
	})
	if err := g.Wait(); err != nil {
		return org.Snapshot{}, err
	}
	if s.UsersSeen {
		if err := checkUsers(all.rows, suspended.rows, access, s); err != nil {
			return org.Snapshot{}, err
		}
		s.Users = withSuspended(all.rows, suspended.rows)
	}
	s.Access = withHolders(access, s.Users)
	if err := checkOwn(s.Organization, pin, s.Invitations); err != nil {
		return org.Snapshot{}, err
	}
	invited, _ := listed.rows() // it was listed before
	s.Paged = invited.several || all.several || suspended.several
	s.Now = c.Now()
	return s, nil
}

// checkUsers refuses a list of users that cannot be true: it is empty, and something else shows that there are users. Such a
// list would make everybody somebody to be invited.
func checkUsers(all, suspended []org.User, access []accessRow, s org.Snapshot) error {
	if len(all) > 0 {
		return nil
	}
	shown := ""
	switch {
	case !s.Self.IsZero():
		shown = "the account names one"
	case len(suspended) > 0:
		shown = "there are suspended ones"
	case slices.ContainsFunc(access, func(row accessRow) bool { return len(row.holders()) > 0 }):
		shown = "groups, roles or policies have members"
	case slices.ContainsFunc(s.Invitations, func(i org.Invitation) bool { return i.Status == org.StatusAccepted }):
		shown = "somebody accepted an invitation"
	default:
		return nil
	}
	return call{op: users.op}.failed(org.Unreadable, http.StatusOK, "the list is empty, although "+shown, nil)
}
