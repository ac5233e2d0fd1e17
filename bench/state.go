package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// roundTrip is the simulated latency of the storage.
const roundTrip = 30 * time.Millisecond

// storage is a place for the state, and the simulated network to it.
type storage struct {
	name     string
	location string // as in --state; "" for a folder
	env      []string
	wire     *slowWire // nil: a folder
}

// storages returns a folder, and a bucket and a database if the environment names their servers, as for the tests.
func (b *bench) storages() ([]storage, error) {
	all := []storage{{name: "folder"}}
	for _, kind := range [][2]string{{"s3", "ORGSYNC_TEST_S3"}, {"postgres", "ORGSYNC_TEST_POSTGRES"}} {
		name, variable := kind[0], kind[1]
		text := os.Getenv(variable)
		if text == "" {
			continue
		}
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s is no URL", variable)
		}
		server := u.Host
		if endpoint, err := url.Parse(u.Query().Get("endpoint")); err == nil && endpoint.Host != "" {
			server = endpoint.Host
			place, parameters, _ := strings.Cut(text, "?")
			text = place + "/bench-" + strings.ToLower(rand.Text()) + "?" + parameters
		}
		wire, err := newSlowWire(server, roundTrip/2)
		if err != nil {
			return nil, err
		}
		location := strings.ReplaceAll(text, server, wire.listener.Addr().String())
		all = append(all, storage{name: name, location: location, wire: wire, env: []string{
			"ORGSYNC_STATE=" + location, "AWS_EC2_METADATA_DISABLED=true",
			"AWS_ACCESS_KEY_ID=" + os.Getenv("AWS_ACCESS_KEY_ID"), "AWS_SECRET_ACCESS_KEY=" + os.Getenv("AWS_SECRET_ACCESS_KEY"),
		}})
	}
	return all, nil
}

// states measures apply, and the opening of a ledger, with each kind of storage.
func (b *bench) states() error {
	rows := []struct {
		name    string
		measure func(storage) error
		slow    bool
	}{
		{"state/apply", b.stateAtRate, true},
		{"state/open", b.stateOpened, false},
		{"state/memory", b.stateOfMany, true},
	}
	places, err := b.storages()
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !b.wants(row.name) || row.slow && b.quick {
			continue
		}
		for _, place := range places {
			if err := row.measure(place); err != nil {
				return err
			}
		}
	}
	return nil
}

// stateAtRate measures a run that invites 1,000 people at 28 requests per second, and the run after it, which has
// nothing to do.
func (b *bench) stateAtRate(place storage) error {
	const people, rate, latency = 1000, 28, 120 * time.Millisecond
	place.wire.reset()
	i, err := b.invite(inviting{people: people, rate: rate, concurrency: defaultConcurrency, latency: latency,
		env: place.env})
	if err != nil {
		return err
	}
	defer i.close()
	b.checkMails("state/"+place.name, i, people)
	sent := place.wire.sent()
	floor := float64(len(i.Requests()))/rate + latency.Seconds()
	place.wire.reset()
	idle, err := i.again()
	if err != nil {
		return err
	}
	idleSent := place.wire.sent()
	b.row(fmt.Sprintf("State: `apply` of %d people at %d requests/s, API latency %v, storage %v away",
		people, rate, latency, roundTrip),
		"state | wall | wall / (requests / rate + latency) | requests to the storage | bytes | idle run | requests | bytes",
		place.name, i.Wall, i.Wall.Seconds()/floor, sent[0], sent[1], idle.Wall, idleSent[0], idleSent[1])
	return nil
}

// stateOpened measures the opening of a large ledger.
func (b *bench) stateOpened(place storage) error {
	const lines = 100_000
	location := place.location
	if place.wire == nil {
		folder, err := os.MkdirTemp(b.scratch, "state-")
		if err != nil {
			return err
		}
		location = folder
	}
	organization := "bench-" + strings.ToLower(rand.Text())
	text := history(lines, organization)
	store, closeStore, err := openStore(b.ctx, location, organization)
	if err != nil {
		return err
	}
	defer closeStore()
	if err := b.write(store, text); err != nil {
		return err
	}
	c, err := b.alone(b.runs, place.env, "open", location, organization)
	if err != nil {
		return err
	}
	b.row(fmt.Sprintf("State: opening a ledger of %d lines, storage %v away", lines, roundTrip),
		"state | size | wall | processor time | peak memory",
		place.name, megabytes(int64(len(text))), c.Wall, c.Processor, megabytes(c.Memory))
	return nil
}

// stateOfMany measures a run that invites 20,000 people, and checks that its memory is within the limit.
func (b *bench) stateOfMany(place storage) error {
	const people, maxMemory = 20_000, 100e6
	i, err := b.invite(inviting{people: people, rate: noLimit, concurrency: defaultConcurrency, env: place.env})
	if err != nil {
		return err
	}
	defer i.close()
	b.checkMails("state/"+place.name, i, people)
	b.row("State: `apply` of 20,000 people without a limit of the rate", "state | wall | processor time | peak memory",
		place.name, i.Wall, i.Processor, megabytes(i.Memory))
	if i.Memory > maxMemory {
		b.fault("state/memory: %s takes %s, more than %s", place.name, megabytes(i.Memory), megabytes(maxMemory))
	}
	return nil
}

// requestMarks are bytes that each request has once: the end of the first line in HTTP, the message Sync in PostgreSQL.
var requestMarks = [][]byte{[]byte(" HTTP/1.1\r\n"), []byte("S\x00\x00\x00\x04")}

// slowWire forwards connections with a delay, and counts requests and bytes of the clients. It ends with the process.
type slowWire struct {
	listener        net.Listener
	target          string
	delay           time.Duration
	requests, bytes atomic.Int64
}

func newSlowWire(target string, delay time.Duration) (*slowWire, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &slowWire{listener: listener, target: target, delay: delay}
	go w.serve()
	return w, nil
}

// sent returns how many requests and bytes the clients sent; zeros for a folder.
func (w *slowWire) sent() [2]int64 {
	if w == nil {
		return [2]int64{}
	}
	return [2]int64{w.requests.Load(), w.bytes.Load()}
}

func (w *slowWire) reset() {
	if w != nil {
		w.requests.Store(0)
		w.bytes.Store(0)
	}
}

func (w *slowWire) serve() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", w.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		var both sync.WaitGroup
		both.Go(func() { w.pass(out, in, true) })
		both.Go(func() { w.pass(in, out, false) })
		go func() {
			both.Wait()
			_, _ = in.Close(), out.Close()
		}()
	}
}

// pass copies from one connection to another, with the delay.
func (w *slowWire) pass(to, from net.Conn, count bool) {
	type piece struct {
		data []byte
		due  time.Time
	}
	queue := make(chan piece, 1024)
	go func() {
		defer close(queue)
		for {
			data := make([]byte, 32<<10)
			n, err := from.Read(data)
			if n > 0 {
				if count {
					w.bytes.Add(int64(n))
					for _, mark := range requestMarks {
						w.requests.Add(int64(bytes.Count(data[:n], mark)))
					}
				}
				queue <- piece{data[:n], time.Now().Add(w.delay)}
			}
			if err != nil {
				return
			}
		}
	}()
	for p := range queue {
		timer := time.NewTimer(time.Until(p.due))
		<-timer.C
		if _, err := to.Write(p.data); err != nil {
			_, _ = io.Copy(io.Discard, from)
			return
		}
	}
	if half, ok := to.(*net.TCPConn); ok {
		_ = half.CloseWrite()
	}
}
