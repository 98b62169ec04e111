package bench

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// expectation is that each of several objects meets a condition at some time.
type expectation struct {
	watch *watch
	what  string
	is    func(*object) bool

	// pending are the objects that have not met the condition, and at is when the
	// others met it. The watch's lock guards both.
	pending map[id]bool
	at      map[id]time.Time

	progress, done chan struct{}
}

// record records the present state of an object, and reports whether all objects
// have met the condition.
func (x *expectation) record(i id, o *object, at time.Time) bool {
	if !x.pending[i] || !x.is(o) {
		return false
	}

	delete(x.pending, i)
	x.at[i] = at

	select {
	case x.progress <- struct{}{}:
	default:
	}

	if len(x.pending) > 0 {
		return false
	}

	close(x.done)

	return true
}

// wait waits until all objects have met the condition, and returns the time of each.
// It fails if no object does so during the timeout.
func (x *expectation) wait(ctx context.Context) (map[id]time.Time, error) {
	for {
		select {
		case <-x.done:
			return x.at, nil
		case <-x.progress:
		case <-ctx.Done():
			return nil, x.missing(context.Cause(ctx))
		case <-time.After(timeout):
			return nil, x.missing(fmt.Errorf("no progress for %s", timeout))
		}
	}
}

// missing returns an error with the number of objects that have not met the
// condition, and the conditions in the status of one of them.
func (x *expectation) missing(cause error) error {
	x.watch.mu.Lock()
	defer x.watch.mu.Unlock()

	delete(x.watch.expectations, x)

	for i := range x.pending { // Any one is an example.
		state := errors.New("it does not exist")

		if o := x.watch.objects[i]; o != nil {
			state = fmt.Errorf("its conditions are %v", o.Status.Conditions)
		}

		return fmt.Errorf("waited for %d objects to be %s, and %d are not: %w: for example %s: %w",
			len(x.pending)+len(x.at), x.what, len(x.pending), cause, i, state)
	}

	return cause
}

// expect returns the expectation that each of the objects meets the condition is at
// some time. For objects that meet it already, that time is now.
func (w *watch) expect(what string, ids []id, is func(*object) bool) *expectation {
	x := &expectation{
		watch: w, what: what, is: is, at: make(map[id]time.Time, len(ids)),
		pending: make(map[id]bool, len(ids)), progress: make(chan struct{}, 1), done: make(chan struct{}),
	}

	for _, i := range ids {
		x.pending[i] = true
	}

	w.mu.Lock()
	defer w.mu.Unlock()

	now := time.Now()
	for _, i := range ids {
		x.record(i, w.objects[i], now)
	}

	if len(x.pending) > 0 {
		w.expectations[x] = true
	}

	if len(ids) == 0 {
		close(x.done)
	}

	return x
}
