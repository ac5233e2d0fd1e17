package objects

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/orgsync/orgsync/internal/state"
)

const (
	// proofRounds is how often the proof is repeated, and proofRivals how many objects are made at once
	// in each round.
	proofRounds = 3
	proofRivals = 16
)

// errUnconditional says that the storage cannot keep two runs apart.
func errUnconditional(place string) error {
	return &state.Problem{
		Err: fmt.Errorf("the storage %s overwrote an object that it was asked to create only if it does not exist", place),
		Advice: "two runs at once could mail everybody twice there: use a storage that supports conditional writes " +
			"(If-None-Match: *), such as AWS S3, Ceph, MinIO or Cloudflare R2, or PostgreSQL",
	}
}

// checkConditional makes an object that exists already, which the storage must refuse. Where it is the
// first use of the storage, it proves first that only one of many runs at once can make an object.
func (s *Store) checkConditional(ctx context.Context) error {
	create := func() error {
		return s.retry(ctx, func(ctx context.Context) error {
			return s.objects.Create(ctx, s.key(probeKey), []byte(s.organization+"\n"))
		})
	}
	err := create()
	if err == nil { // the first use, or a rule deleted the object
		if s.objects.Unproven() {
			err = s.prove(ctx)
		}
		if err != nil {
			_ = s.limited(context.WithoutCancel(ctx), func(ctx context.Context) error { // so that it is proven the next time
				return s.objects.Delete(ctx, s.key(probeKey))
			})
			return err
		}
		err = create()
	}
	switch {
	case errors.Is(err, ErrExists):
		return nil
	case err == nil:
		return errUnconditional(s.objects.Place())
	}
	return err
}

// prove makes the same object many times at once, in some rounds that run side by side, and checks that
// the storage lets one of them win.
func (s *Store) prove(ctx context.Context) error {
	var rounds errgroup.Group
	for range proofRounds {
		rounds.Go(func() error { return s.proveOnce(ctx, proofFolder+newID()) })
	}
	return rounds.Wait()
}

// proveOnce is one round of the proof.
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
	_ = g.Wait() // the answers have the errors
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
