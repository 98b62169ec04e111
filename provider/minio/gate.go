package minio

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// gateRetry is how long an endpoint that did not answer is not called again.
	gateRetry = 10 * time.Second

	// gateWait is how long a call waits for the first call to an endpoint, unless it is
	// patient. An endpoint that works answers within milliseconds.
	gateWait = 250 * time.Millisecond
)

// ErrUnanswered is the error of a call that was not made, because whether its endpoint
// answers is being found out by another call.
var ErrUnanswered = errors.New("an earlier call to this endpoint has not been answered yet")

type patience struct{}

// Patient returns a context whose calls wait for the first call to an endpoint for as long as
// that takes, and never fail with ErrUnanswered before ctx ends. It is for work that is not
// worth being done again.
func Patient(ctx context.Context) context.Context { return context.WithValue(ctx, patience{}, true) }

// gate keeps calls from an endpoint that does not answer. While the last call failed, one
// call in gateRetry is made, and all others fail at once, with the error of the last one:
// each would otherwise take a worker of a controller for seconds. It is safe for concurrent
// use.
type gate struct {
	mu sync.Mutex
	// answers reports whether the endpoint answered the last call.
	answers bool
	// err is the error of the last call; nil if it was answered, or before the first one.
	err error
	// next is when the endpoint may be called again after an error.
	next time.Time
	// trying is closed when the call ends that finds out whether the endpoint answers; nil
	// if there is none.
	trying chan struct{}
}

// do makes a call unless the endpoint does not answer. A call that ends with its context says
// nothing about the endpoint. Any answer will do, also that of a gateway.
func (g *gate) do(ctx context.Context, call func() error) error {
	trying, err := g.enter(ctx)
	if err != nil {
		return err
	}

	err = call()
	g.leave(trying, err, ctx.Err() != nil)

	return err
}

// enter returns an error if no call may be made now. Its other result reports whether the
// call finds out whether the endpoint answers.
func (g *gate) enter(ctx context.Context) (trying bool, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()

	if g.answers {
		return false, nil
	}

	g.wait(ctx)

	switch {
	case g.answers:
		return false, nil
	case g.err != nil && (g.trying != nil || time.Now().Before(g.next)):
		return false, g.err
	case g.trying != nil:
		return false, ErrUnanswered
	}

	g.trying = make(chan struct{})

	return true, nil
}

// wait waits until the first call to the endpoint has ended. The caller holds the lock.
func (g *gate) wait(ctx context.Context) {
	var impatient <-chan time.Time
	if ctx.Value(patience{}) == nil {
		impatient = time.After(gateWait)
	}

	// A call that was cancelled is followed by another one that tries.
	for g.trying != nil && g.err == nil && !g.answers {
		other := g.trying
		g.mu.Unlock()

		select {
		case <-other:
			g.mu.Lock()
		case <-ctx.Done():
			g.mu.Lock()

			return
		case <-impatient:
			g.mu.Lock()

			return
		}
	}
}

// leave records how a call ended.
func (g *gate) leave(trying bool, err error, cancelled bool) {
	g.mu.Lock()
	defer g.mu.Unlock()

	if trying {
		close(g.trying)
		g.trying = nil
	}

	if cancelled {
		return
	}

	if _, failed := errors.AsType[*transportError](err); failed {
		g.answers, g.err, g.next = false, err, time.Now().Add(gateRetry)
	} else {
		g.answers, g.err = true, nil
	}
}
