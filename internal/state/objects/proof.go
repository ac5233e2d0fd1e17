package objects

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

const (
	// proofRounds is how often prove repeats its test, each time with another object.
	proofRounds = 3
	// proofRivals is how many requests create the same object at the same time.
	proofRivals = 16
)

// errUnconditional returns the error for a storage that ignores the condition of Create. With such a
// storage, two runs could have the lease at the same time.
func errUnconditional(place string) error {
	return &state.Problem{
		Err: fmt.Errorf("the storage %s replaced an existing object, although the request said not to", place),
		Advice: "with this storage, two runs at once could mail everybody twice: use a storage that supports " +
			"conditional writes (If-None-Match: *), such as AWS S3, Ceph, MinIO or Cloudflare R2, or PostgreSQL",
	}
}

// checkConditional checks that the storage refuses to create the object probeKey, which already exists. If this is
// the first use of the storage, the object does not exist yet. Then checkConditional creates it, and calls prove if
// [Objects.MayIgnoreConditions] returns true. proved is true if it has called prove.
func (s *Store) checkConditional(ctx context.Context) (proved bool, err error) {
	create := func() error {
		return s.retry(ctx, func(ctx context.Context) error {
			return s.objects.Create(ctx, s.key(probeKey), []byte(s.organization+"\n"))
		})
	}
	err = create()
	if err == nil { // this is the first use, or a rule of the storage has deleted the object
		if proved = s.objects.MayIgnoreConditions(); proved {
			err = s.prove(ctx)
		}
		if err != nil {
			// The next run must call prove again. If the storage has no record yet, it calls prove even if this object exists.
			_ = s.limited(context.WithoutCancel(ctx), func(ctx context.Context) error {
				return s.objects.Delete(ctx, s.key(probeKey))
			})
			return proved, err
		}
		err = create()
	}
	switch {
	case errors.Is(err, ErrExists):
		return proved, nil
	case err == nil:
		return proved, errUnconditional(s.objects.Place())
	}
	return proved, err
}

// prove checks that only one of many requests at the same time can create the same object. Its rounds
// run at the same time, each with another object.
func (s *Store) prove(ctx context.Context) error {
	var rounds errgroup.Group
	for range proofRounds {
		rounds.Go(func() error { return s.proveOnce(ctx, proofFolder+newID()) })
	}
	return rounds.Wait()
}

// proveOnce is one round of prove, with the object name.
func (s *Store) proveOnce(ctx context.Context, name string) error {
	answers := make([]error, proofRivals)
	var g errgroup.Group
	for i := range answers {
		g.Go(func() error {
			answers[i] = s.limited(ctx, func(ctx context.Context) error {
				return s.objects.Create(ctx, s.key(name), fmt.Appendf(nil, "%d", i))
			})
			return nil
		})
	}
	_ = g.Wait() // always nil: the errors are in answers
	won, refusal := 0, error(nil)
	for _, err := range answers {
		switch {
		case err == nil:
			won++
		case !errors.Is(err, ErrExists) && !errors.Is(err, ErrUnknown):
			refusal = err
		}
	}
	object, err := s.get(ctx, name)
	_ = s.limited(ctx, func(ctx context.Context) error { return s.objects.Delete(ctx, s.key(name)) })
	var winner int
	switch {
	case refusal != nil:
		return refusal
	case err != nil:
		return err
	case won > 1:
		return errUnconditional(s.objects.Place())
	}
	if _, err := fmt.Sscanf(string(object), "%d", &winner); err != nil || winner < 0 || winner >= proofRivals ||
		won == 1 && answers[winner] != nil {
		return errUnconditional(s.objects.Place())
	}
	return nil
}
