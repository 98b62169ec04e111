package bucket

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"

	miniov1alpha1 "github.com/cistern-dev/cistern/apis/minio/v1alpha1"
	"github.com/cistern-dev/cistern/provider/minio"
	"github.com/cistern-dev/cistern/provider/reconciler"
)

// uploadsInterval is how often incomplete uploads are listed in polls. The rules
// that they are given up by count in days.
const uploadsInterval = time.Hour

// glances remembers how each Bucket was looked at last, to know which looks are
// but polls, and how far the purge of each is. It is safe for concurrent use.
type glances struct {
	mu     sync.Mutex
	m      map[types.UID]glance
	passes map[types.UID]pass
}

// glance is the last look at a Bucket.
type glance struct {
	// resourceVersion of the resource.
	resourceVersion string
	// uploads is when incomplete uploads were listed.
	uploads time.Time
}

func newGlances() *glances {
	return &glances{m: make(map[types.UID]glance), passes: make(map[types.UID]pass)}
}

// routine says that this look at a Bucket is but a poll: the resource is as it was
// at the last look, or that was before a restart, and all was well then.
func (g *glances) routine(b *miniov1alpha1.Bucket) bool {
	if !reconciler.Settled(b) {
		return false
	}

	g.mu.Lock()
	defer g.mu.Unlock()

	last, known := g.m[b.GetUID()]

	return !known || last.resourceVersion == b.GetResourceVersion()
}

// uploadsDue says that it is time to list the incomplete uploads of a Bucket again.
func (g *glances) uploadsDue(b *miniov1alpha1.Bucket, now time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()

	last := g.m[b.GetUID()]
	due := now.Sub(last.uploads) >= uploadsInterval

	if due {
		last.uploads = now
		g.m[b.GetUID()] = last
	}

	return due
}

// looked notes a look at a Bucket.
func (g *glances) looked(b *miniov1alpha1.Bucket) {
	g.mu.Lock()
	defer g.mu.Unlock()

	last := g.m[b.GetUID()]
	last.resourceVersion = b.GetResourceVersion()
	g.m[b.GetUID()] = last
}

// forget forgets a Bucket that is being deleted.
func (g *glances) forget(b *miniov1alpha1.Bucket) {
	g.mu.Lock()
	defer g.mu.Unlock()

	delete(g.m, b.GetUID())
}

// looker is who looks at all buckets at once.
type looker interface {
	BucketSnapshot(ctx context.Context, keep func(file string) bool) map[string]minio.BucketFiles
}

// look returns a bucket's settings, and whether this is but a poll. For that a look
// at all buckets at once will do, if it finds nothing amiss: whatever is to be
// mended or told is looked at by itself.
func (e *external) look(ctx context.Context, b *miniov1alpha1.Bucket) (s settings, routine bool, err error) {
	name := Name(b)

	routine = e.glances.routine(b)
	if routine {
		if files, there := e.all.BucketSnapshot(ctx, isSetting)[name]; there {
			if amiss, err := differences(b, settings(files)); err == nil && len(amiss) == 0 {
				return settings(files), true, nil
			}
		}
	}

	s, err = readSettings(ctx, e.server, name)

	return s, routine, err
}
