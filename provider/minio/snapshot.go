package minio

import (
	"context"
	"sync"
	"time"
)

const (
	// minRequests is how many requests within a snapshot's age make a snapshot worthwhile
	// on a server with few buckets.
	minRequests = 4

	// minShare: on a server with many buckets, a snapshot is worthwhile if requests ask for
	// more than one in eight of them. For each bucket of a snapshot the server does about
	// an eighth of the work of a call for that bucket alone.
	minShare = 8

	// maxSnapshot bounds how many bytes of a snapshot are read. A bucket takes about one
	// kilobyte.
	maxSnapshot = 64 << 20
)

// snapshot holds the metadata of all buckets of a server as of one moment, for all
// requests that ask for one bucket within its age. It is taken on request, by one caller
// at a time, and only if it is worthwhile: if few ask, and the server has many buckets,
// a call for each bucket is cheaper. It is safe for concurrent use.
type snapshot struct {
	// age is how old a snapshot may be when it is used. Zero means that none is taken.
	age time.Duration

	mu      sync.Mutex
	taken   time.Time
	buckets map[string]BucketFiles
	// requests counts all requests since a moment, answered or not.
	requests int
	since    time.Time
	// worthwhile reports whether enough requests were made during the previous age.
	worthwhile bool
}

// get returns the metadata of all buckets, or nil if the caller should ask for its bucket
// alone. It calls take if a new snapshot is worthwhile.
func (s *snapshot) get(now time.Time, take func() (map[string]BucketFiles, error)) map[string]BucketFiles {
	s.mu.Lock()
	defer s.mu.Unlock()

	if s.age == 0 {
		return nil
	}

	s.requests++

	if s.buckets != nil && now.Sub(s.taken) < s.age {
		return s.buckets
	}

	enough := s.requests > max(minRequests, len(s.buckets)/minShare)

	// The requests of the age that is over decide about this one.
	if now.Sub(s.since) >= s.age {
		s.worthwhile, s.requests, s.since = enough, 1, now
	}

	if !enough && !s.worthwhile {
		return nil
	}

	buckets, err := take()
	if err != nil {
		// The callers' own calls show the error. The next attempt is an age away.
		s.worthwhile, s.requests, s.since = false, 0, now

		return nil
	}

	s.buckets, s.taken = buckets, now

	return buckets
}

// invalidate discards the snapshot, because a bucket has changed since it was taken.
func (s *snapshot) invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()

	s.taken = time.Time{}
}

// BucketSnapshot returns the metadata files of all buckets, by name, from a snapshot that
// is not older than the age set by WithSnapshots. It returns nil if a snapshot is not
// worthwhile, so that the caller should ask for its bucket alone. Files that keep does not
// want are left out; all callers must want the same files. The result must not be changed.
//
// A snapshot costs one call, for all requests within its age.
func (s *Server) BucketSnapshot(ctx context.Context, keep func(file string) bool) map[string]BucketFiles {
	return s.snapshot.get(time.Now(), func() (map[string]BucketFiles, error) {
		archive, err := s.ExportBucketMetadata(ctx, "")
		if err != nil {
			return nil, err
		}

		return ReadExport(archive, maxSnapshot, keep)
	})
}

// InvalidateSnapshot discards the snapshot, because a bucket has changed since it was
// taken.
func (s *Server) InvalidateSnapshot() { s.snapshot.invalidate() }
