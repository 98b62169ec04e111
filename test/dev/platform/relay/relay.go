// Package relay passes the bytes of connections on to servers of the platform.
package relay

import (
	"io"
	"log"
	"net"
	"sync"
	"time"
)

// Serve passes each connection of a listener on to a connection that dial makes. It returns when the
// listener is closed. The name of the target appears in the log.
func Serve(l net.Listener, target string, dial func() (net.Conn, error)) {
	for {
		conn, err := l.Accept()
		if err != nil {
			log.Printf("cannot accept for %s: %v", target, err)

			return
		}

		go serve(conn, dial)
	}
}

func serve(conn net.Conn, dial func() (net.Conn, error)) {
	defer conn.Close()

	target, err := dial()
	if err != nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // a reset shows the client that the server did not answer
		}

		return
	}
	defer target.Close()

	Join(target, conn, conn)
}

// Join copies both directions of a connection until both have ended. What the client sends is read
// from a reader of its own, which may hold what was read before.
func Join(target, conn net.Conn, sent io.Reader) {
	var both sync.WaitGroup

	both.Go(func() { pipe(target, sent, conn) })
	both.Go(func() { pipe(conn, target, target) })
	both.Wait()
}

// pipe copies one direction of a connection. It closes that direction at its end, and
// leaves the other open.
func pipe(to net.Conn, from io.Reader, source net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		_ = source.Close() // ends the other direction too
	}

	if tcp, ok := to.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
}

// Retry calls dial until it succeeds, for a second: a pod that has just become ready may not be
// reachable yet.
func Retry(dial func() (net.Conn, error)) (net.Conn, error) {
	for deadline := time.Now().Add(time.Second); ; time.Sleep(50 * time.Millisecond) {
		conn, err := dial()
		if err == nil || time.Now().After(deadline) {
			return conn, err
		}
	}
}
