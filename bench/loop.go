package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vultr/govultr/v3"

	"github.com/orgsync/orgsync/internal/sandbox"
)

// loopPeople is how many people a loop invites. It is small, because a loop that waits for every answer is slow.
const loopPeople = 200

// loops compares orgsync with a program that people could write today: a loop over govultr, alone or in ten goroutines.
func (b *bench) loops() error {
	everyTenth := []sandbox.Fault{{Method: http.MethodPost, Path: "/v2/invitation", Every: 10, ActFirst: true,
		Kind: sandbox.FaultDrop}}
	for _, broken := range []bool{false, true} {
		for _, latency := range latencies {
			if (b.quick || broken) && latency != latencies[1] {
				continue
			}
			var faults []sandbox.Fault
			weather := "fair"
			if broken {
				faults, weather = everyTenth, "drops"
			}
			if err := b.loop(weather, latency, faults); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) loop(weather string, latency time.Duration, faults []sandbox.Fault) error {
	people := min(b.people, loopPeople)
	floor := float64(max(0, people-documentedLimit))/documentedLimit + latency.Seconds() // the first may all go at once
	for _, who := range []struct {
		name, said string
		workers    int
	}{{"loop", "a loop with govultr", 1}, {"ten", "the same loop in ten goroutines", 10},
		{"orgsync", "`orgsync apply --rate 28`", 0}} {
		name := fmt.Sprintf("loop/%s/%s/%v", who.name, weather, latency)
		if !b.wants(name) {
			continue
		}
		a, wall, failed, err := b.job(people, who.workers, latency, faults)
		if err != nil {
			return err
		}
		a.close()
		twice, none := a.mailed(people)
		b.row(fmt.Sprintf("%d invitations where the API allows %d requests a second: wall time over (people / %[2]d - 1 s "+
			"+ one latency)", people, documentedLimit),
			"program | latency | dropped connections | wall | wall / floor | requests | 429 answers | connections | "+
				"people mailed twice | people not mailed | mails reported as failed",
			who.said, span(latency),
			map[string]string{
				"fair": "none", "drops": "at every tenth invitation request, after the server sent the mail",
			}[weather],
			wall, wall.Seconds()/floor,
			len(a.Requests()), a.limited(), a.connections.Load(), twice, none, failed)
		if who.workers == 0 && twice+none > 0 {
			b.fault("%s: %d mailed twice, %d not mailed", name, twice, none)
		}
	}
	return nil
}

// job invites people in this many goroutines with govultr, or with orgsync if workers is 0. It also returns how many
// mails the program reported as failed.
func (b *bench) job(people, workers int, latency time.Duration, faults []sandbox.Fault) (a *api, wall time.Duration,
	failed int, err error) {
	// The documents do not say what a second invitation of an address does. Here it sends a second mail.
	dialect, err := sandbox.ParseDialect("duplicate=second")
	if err != nil {
		return nil, 0, 0, err
	}
	if workers == 0 {
		i, err := b.invite(inviting{people: people, rate: 28, concurrency: 16, latency: latency, dialect: dialect,
			faults: faults})
		if err != nil {
			return nil, 0, 0, err
		}
		if i.Code != 0 {
			_, failed = i.mailed(people)
		}
		return i.api, i.Wall, failed, nil
	}
	// This dialect is the one that govultr expects, without the text that makes it report each mail as failed.
	if dialect, err = sandbox.ParseDialect("govultr,status=absent,duplicate=second"); err != nil {
		return nil, 0, 0, err
	}
	if a, err = simulate(sandbox.Options{Dialect: dialect, Latency: latency}, faults); err != nil {
		return nil, 0, 0, err
	}
	begin := time.Now()
	if failed, err = loopOver(b.ctx, a.url, people, workers); err != nil {
		a.close()
		return nil, 0, 0, err
	}
	return a, time.Since(begin), failed, nil
}

// loopOver invites people with govultr's client, made as in govultr's README, and returns how many calls failed.
func loopOver(ctx context.Context, url string, people, workers int) (failed int, err error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	defer transport.CloseIdleConnections()
	client := govultr.NewClient(&http.Client{Transport: bearer{transport}})
	if err := client.SetBaseURL(url); err != nil {
		return 0, err
	}
	var failures atomic.Int64
	var group sync.WaitGroup
	next := make(chan int)
	for range workers {
		group.Go(func() {
			for i := range next {
				invitation := &govultr.OrganizationInvitationReq{Email: email(i)}
				_, _, err := client.Organization.CreateInvitation(ctx, invitation) //nolint:bodyclose // govultr closes it
				if err != nil {
					failures.Add(1)
				}
			}
		})
	}
	for i := range people {
		next <- i
	}
	close(next)
	group.Wait()
	return int(failures.Load()), ctx.Err()
}

// bearer adds the key to each request, as the oauth2 client in govultr's README does.
type bearer struct{ next http.RoundTripper }

func (t bearer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Authorization", "Bearer "+key)
	return t.next.RoundTrip(r)
}
