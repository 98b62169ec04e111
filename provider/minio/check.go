package minio

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Check determines the server's health. It returns nil if the server can be used, an
// *Error that says why not, or the context's error if it is cancelled.
//
// It makes one plain call, for which the credentials need the permission admin:ServerInfo.
// The server answers from memory, except that it reads the state of its drives and asks
// its peers for the same.
func (s *Server) Check(ctx context.Context) error {
	info, err := s.info(ctx)
	if errors.Is(err, context.Canceled) {
		return err
	}

	h := classifyInfo(err)

	switch {
	case h != Usable:
		// What the server is does not change while it does not say so.
		info = s.reported()
	case s.changed(info) != nil:
		h, err = Changed, s.changed(info)
	case outdated(info):
		h = TooOld
	case s.wrongRegion(info) != nil:
		h, err = WrongRegion, s.wrongRegion(info)
	}

	found := &state{health: h, info: info, at: time.Now()}
	if h != Usable {
		found.err = &Error{Health: h, Err: detail(h, err)}
	}

	s.state.Store(found)

	if err := s.signS3(s.SigningRegion()); err != nil {
		return err
	}

	return s.Failure()
}

// state is what a Check found.
type state struct {
	health Health
	// err is the error of the Check; nil if the server can be used.
	err *Error
	// info is what the last successful Check found.
	info serverInfo
	// at is when the Check ended.
	at time.Time
}

// reported returns what the server reported of itself to the last successful Check.
func (s *Server) reported() serverInfo {
	if st := s.state.Load(); st != nil {
		return st.info
	}

	return serverInfo{}
}

// Failure returns the error of the last Check, or nil.
func (s *Server) Failure() error {
	if st := s.state.Load(); st != nil && st.err != nil {
		return st.err
	}

	return nil
}

// background is a Check that runs in the background.
type background struct {
	mu   sync.Mutex
	done chan struct{}
}

// backgroundTimeout bounds a Check in the background. Other calls to a server that does not
// answer may keep it from being made.
const backgroundTimeout = time.Minute

// CheckInBackground starts a Check, unless one runs in the background already, and returns
// a channel that is closed when it has ended.
func (s *Server) CheckInBackground() <-chan struct{} {
	s.background.mu.Lock()
	defer s.background.mu.Unlock()

	if s.background.done != nil {
		return s.background.done
	}

	done := make(chan struct{})
	s.background.done = done

	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), backgroundTimeout)
		defer cancel()

		// The state keeps the error.
		_ = s.Check(ctx)

		s.background.mu.Lock()
		s.background.done = nil
		s.background.mu.Unlock()

		close(done)
	}()

	return done
}

// Recheck checks the server and returns an error if it must not be driven, or could not be
// checked.
func (s *Server) Recheck(ctx context.Context) error {
	if err := s.Check(ctx); err != nil && s.Health() != CredentialsRejected {
		return err
	}

	return nil
}

// Identify returns an error if another server answers than was expected, or if that could not be
// found out. It checks the server unless the last Check ended less than maxAge ago, or any server
// will do. Callers that wait at the same time share a Check.
func (s *Server) Identify(ctx context.Context, maxAge time.Duration) error {
	if known := s.known.Load(); known == nil || len(*known) == 0 {
		return nil
	}

	if st := s.state.Load(); st == nil || time.Since(st.at) >= maxAge {
		select {
		case <-s.CheckInBackground():
		case <-ctx.Done():
			return ctx.Err()
		}
	}

	switch s.Health() {
	case Changed, Unreachable, CertificateUntrusted:
		return s.Failure()
	default:
		return nil
	}
}

// Health returns the health that the last Check determined.
func (s *Server) Health() Health {
	if st := s.state.Load(); st != nil {
		return st.health
	}

	return Unknown
}

// unusable are the kinds of health with which a server must not be driven.
var unusable = []Health{Changed, NoAdminAPI, UnsupportedAdminAPI, WrongRegion, TooOld}

// Unusable returns an *Error if the last Check found a server that must not be driven: one
// that is too old, does not serve the administration API in a version that is supported,
// has another region, or is another server than was expected. A failure that may be over, such as a server that did not
// answer, does not count: the next call shows it.
func (s *Server) Unusable() error {
	if slices.Contains(unusable, s.Health()) {
		return s.Failure()
	}

	return nil
}
