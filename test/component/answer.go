package component

import "net/http"

// SetAnswer has calls answered, in place of their server, by the handler that answer
// returns for them, if it returns one, until SetAnswer is called again. With nil, all
// calls are forwarded.
func (p *Proxy) SetAnswer(answer func(Call) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.answer = answer
}

// SetBetween has calls answered by the handler that between returns for them, if it
// returns one, until SetBetween is called again. It is given the handler that forwards a
// call to its server.
func (p *Proxy) SetBetween(between func(c Call, server http.Handler) http.Handler) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.between = between
}

// answerOf returns what answers a call in place of its server, or nil.
func (p *Proxy) answerOf(c Call, server http.Handler) http.Handler {
	p.mu.Lock()
	answer, between := p.answer, p.between
	p.mu.Unlock()

	if answer != nil {
		if h := answer(c); h != nil {
			return h
		}
	}

	if between != nil {
		return between(c, server)
	}

	return nil
}
