package bucket

import (
	"time"

	miniogo "github.com/minio/minio-go/v7"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
)

// passInterval is how often a bucket in which all is locked is gone through. A pass
// lists and tries to delete every version, and locks may last for years; one that
// is overridden is found in the meantime if it is that of the example.
const passInterval = time.Hour

// pass is one run through a bucket that is purged, from its first object to its
// last, in one step or more.
type pass struct {
	// whole says that it began at the first object: a restart forgets passes.
	whole bool

	removed, locked int64
	// example is the first object that is locked, and lock says how.
	example miniogo.ObjectInfo
	lock    string

	// next is when the next pass may begin; zero if at once.
	next time.Time
}

// with returns the pass after a further step, which began behind an object.
func (p pass) with(step progress, after string) pass {
	if after == "" {
		p = pass{whole: true}
	}

	if p.locked == 0 {
		p.example = step.example
	}

	p.removed += step.removed
	p.locked += step.locked

	return p
}

// nextPass returns when to go through a bucket again whose example is locked until
// a time, which is zero if nobody knows.
func nextPass(now, until time.Time) time.Time {
	next := now.Add(passInterval)
	if !until.IsZero() && until.Before(next) {
		return until
	}

	return next
}

// lastPass returns the pass that a Bucket is in, or was in last; an empty one if
// there was none.
func (g *glances) lastPass(b *miniov1alpha1.Bucket) pass {
	g.mu.Lock()
	defer g.mu.Unlock()

	return g.passes[b.GetUID()]
}

// passed notes how far a pass is.
func (g *glances) passed(b *miniov1alpha1.Bucket, p pass) {
	g.mu.Lock()
	defer g.mu.Unlock()

	g.passes[b.GetUID()] = p
}

// forgetPass forgets the passes of a Bucket.
func (g *glances) forgetPass(b *miniov1alpha1.Bucket) {
	g.mu.Lock()
	defer g.mu.Unlock()

	delete(g.passes, b.GetUID())
}
