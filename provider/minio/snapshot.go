package minio

import (
	"context"
	"sync"
	"time"
)

const (
	// minAskers is how many must ask within a look's age for a look to pay.
	minAskers = 4
	// askerShare: and one for so many that it tells of. A look costs the server
	// about that many times less for each of them than a question of its own.
	askerShare = 8
	// maxLook bounds what is read of a look. A bucket takes about a kilobyte of it.
	maxLook = 64 << 20
)

// look is what a server told of all its buckets at once, for all who ask about one
// of them within its age. It is taken when somebody asks, by one at a time, and
// only if it pays: where few ask, and the server has many buckets, questions of
// their own are cheaper. It is safe for concurrent use.
type look struct {
	// age at which it is of no use any more; zero: there are no looks.
	age time.Duration

	mu      sync.Mutex
	taken   time.Time
	buckets map[string]BucketFiles
	// askers asked since a moment, with or without an answer.
	askers int
	since  time.Time
	// pays says that enough asked while the last one was of use.
	pays bool
}

// at returns what was told, or nil where the caller should ask by itself. take takes
// another look.
func (l *look) at(now time.Time, take func() (map[string]BucketFiles, error)) map[string]BucketFiles {
	l.mu.Lock()
	defer l.mu.Unlock()

	if l.age == 0 {
		return nil
	}

	l.askers++

	if l.buckets != nil && now.Sub(l.taken) < l.age {
		return l.buckets
	}

	enough := l.askers > max(minAskers, len(l.buckets)/askerShare)

	// What was asked in the age that is over decides on this one.
	if now.Sub(l.since) >= l.age {
		l.pays, l.askers, l.since = enough, 1, now
	}

	if !enough && !l.pays {
		return nil
	}

	buckets, err := take()
	if err != nil {
		// Whoever asks by itself learns what is wrong. The next try is an age away.
		l.pays, l.askers, l.since = false, 0, now

		return nil
	}

	l.buckets, l.taken = buckets, now

	return buckets
}

// forget makes what was told of no use: something has changed since.
func (l *look) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()

	l.taken = time.Time{}
}

// BucketSnapshot returns the files in which the server keeps the settings of each
// of its buckets, as they were at some moment not longer ago than the server's
// look age (see WithSnapshots), or nil where the caller should ask about its bucket alone.
// Files that keep does not want are left out; all callers must want
// the same. Nobody may change what is returned.
//
// It costs one call for all who ask within that age.
func (s *Server) BucketSnapshot(ctx context.Context, keep func(file string) bool) map[string]BucketFiles {
	return s.look.at(time.Now(), func() (map[string]BucketFiles, error) {
		archive, err := s.ExportBucketMetadata(ctx, "")
		if err != nil {
			return nil, err
		}

		return ReadExport(archive, maxLook, keep)
	})
}

// InvalidateSnapshot says that a bucket has changed since the server was looked at.
func (s *Server) InvalidateSnapshot() { s.look.forget() }
