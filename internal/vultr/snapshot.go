package vultr

import (
	"context"
	"fmt"
	"net/http"
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
	return c.readOrganization(ctx, pin, func(ctx context.Context) ([]accessRow, error) { return c.readAccess(ctx, wanted) })
}

// ReadAhead is [Client.Identify] and [Client.ReadOrganization] at the same time: the reading goes on while its caller does
// what needs the organization only. snapshot waits for it; where ctx ends first, it ends too. With an error, which is that of
// Identify, nothing is being read any more.
func (c *Client) ReadAhead(ctx context.Context, pin string, wanted org.Wanted) (in org.Organization, snapshot func() (org.Snapshot, error), err error) {
	ctx, cancel := context.WithCancel(ctx)
	var s org.Snapshot
	var failed error
	done := make(chan struct{})
	go func() {
		defer close(done)
		s, failed = c.ReadOrganization(ctx, pin, wanted)
	}()
	if in, err = c.Identify(ctx, pin); err != nil {
		cancel()
		<-done
		return org.Organization{}, nil, err
	}
	return in, func() (org.Snapshot, error) {
		<-done
		cancel()
		return s, failed
	}, nil
}

// ReadAll is [Client.ReadOrganization] with all groups, roles and policies and all who have them, one list for each. Kinds
// that the key may not read, or the API does not have (403, 404), are unseen and no error.
func (c *Client) ReadAll(ctx context.Context, pin string) (s org.Snapshot, unseen []org.Kind, err error) {
	s, err = c.readOrganization(ctx, pin, func(ctx context.Context) (rows []accessRow, err error) {
		rows, unseen, err = c.readAllAccess(ctx)
		return rows, err
	})
	return s, unseen, err
}

func (c *Client) readOrganization(ctx context.Context, pin string, read func(context.Context) ([]accessRow, error)) (org.Snapshot, error) {
	var s org.Snapshot
	var access []accessRow
	var suspended []org.User
	g, ctx := errgroup.WithContext(ctx)
	rows := sync.OnceValues(func() ([]org.Invitation, error) { return list(ctx, c, invitations) })
	g.Go(func() (err error) {
		s.Invitations, err = rows()
		return err
	})
	g.Go(func() (err error) {
		s.Users, err = list(ctx, c, users)
		if hasStatus(err, http.StatusForbidden) {
			return nil
		}
		s.UsersSeen = err == nil
		return err
	})
	g.Go(func() (err error) {
		access, err = read(ctx)
		return err
	})
	g.Go(func() (err error) {
		s.Self, err = c.self(ctx)
		return err
	})
	g.Go(func() (err error) {
		if s.Organization, err = c.identify(ctx, pin, rows); err != nil {
			return err
		}
		if s.Organization.ID == "" {
			return nil
		}
		id, err := pathID(s.Organization.ID)
		if err != nil {
			return fmt.Errorf("list suspended users: %w", err)
		}
		suspended, err = list(ctx, c, suspendedUsers(id))
		if Hidden(err) {
			return nil
		}
		s.SuspendedSeen = err == nil
		return err
	})
	if err := g.Wait(); err != nil {
		return org.Snapshot{}, err
	}
	if s.UsersSeen {
		s.Users = withSuspended(s.Users, suspended)
	}
	s.Access = withHolders(access, s.Users)
	if err := checkOwn(s.Organization, pin, s.Invitations); err != nil {
		return org.Snapshot{}, err
	}
	s.PinConfirmed = true // WIP
	s.Now = c.Now()
	return s, nil
}
