package browser

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/oauth2-proxy/mockoidc"

	"keyturn/internal/devenv"
)

var pages = []string{"/", "/work", "/credentials", "/credentials/app0", "/credentials/app1", "/plan", "/plan?account=ses&rate=1/d", "/freezes", "/contacts", "/events", "/login"}

func TestPeopleSeeAndSteerTheFleetInABrowser(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.login()
	if first := s.text("h1"); !strings.HasPrefix(first, "1 thing needs you. 7 of 8 healthy, 1 quarantined") {
		t.Errorf("the first line says %q", first)
	}
	t.Run("it is found", s.finds)
	t.Run("a rotation is seen as it happens", s.rotates)
	t.Run("one in quarantine is released", s.releases)
	t.Run("many are rotated", s.rotatesMany)
	t.Run("an account is frozen and thawed", s.freezes)
	t.Run("every page can be read on a phone, in both colours", s.fits)
	t.Run("a plan is printed with its figures, and without what is to be clicked", s.prints)
	t.Run("every page can be used by the keyboard alone", s.keyboard)
	t.Run("every page works without a script", s.scriptless)
	t.Run("a person logs in at the issuer, without a script", s.vouched)
}

func (s *stage) finds(t *testing.T) {
	s.run(
		chromedp.Navigate(s.url+"/credentials"), chromedp.SendKeys(chromedp.CSS(`input[name=q]`), "APP3\r"),
		chromedp.WaitVisible(chromedp.CSS(`input[name=q][value=APP3]`)), // the page before has the same list
	)
	if rows := script[int](s, `document.querySelectorAll("tbody tr").length`); rows != 1 {
		t.Errorf("%d credentials are found", rows)
	}
}

// rotates asks for a rotation, and sees the page change without loading it.
func (s *stage) rotates(t *testing.T) {
	s.run(
		chromedp.Navigate(s.url+"/credentials/app3"), chromedp.Click(chromedp.CSS(`form[action$="/rotate"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`p[role=status]`)),
	)
	script[bool](s, `document.activeElement.blur(), window.same = true`)
	s.must(devenv.Until(t.Context(), patience, func() error {
		page := s.text("main")
		if !strings.Contains(page, "version 2") || !strings.Contains(page, "asked by alice@console") {
			return fmt.Errorf("the page shows no rotation: %s", page)
		}
		return nil
	}))
	if !script[bool](s, `window.same === true`) {
		t.Error("the page was loaded again")
	}
}

func (s *stage) releases(t *testing.T) {
	s.must(s.Box.Know(t.Context(), s.Fleet[0])) // the cause is mended
	s.run(
		chromedp.Navigate(s.url+"/work"), chromedp.Click(chromedp.CSS(`a[href="/credentials/app0"]`)),
		chromedp.WaitVisible(chromedp.CSS(`form[action$="/retry"] button`)), chromedp.Click(chromedp.CSS(`form[action$="/retry"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`p[role=status]`)),
	)
	s.must(devenv.Until(t.Context(), patience, func() error {
		e, err := s.Vault.Current(t.Context(), s.Fleet[0].Path, 0)
		if err == nil && e.Version == 0 {
			err = fmt.Errorf("%s has no password yet", s.Fleet[0].ID)
		}
		return err
	}))
}

// rotatesMany chooses two, sees what that will be like, and asks for it.
func (s *stage) rotatesMany(t *testing.T) {
	s.run(
		chromedp.Navigate(s.url+"/credentials"),
		chromedp.Click(chromedp.CSS(`input[value=app6]`)), chromedp.Click(chromedp.CSS(`input[value=app7]`)), chromedp.Click(chromedp.CSS(`#many button`)),
		chromedp.WaitVisible(chromedp.CSS(`input[name=confirm] + button`)),
	)
	if title := s.text("h1"); title != "Rotate 2 credentials?" {
		t.Errorf("it asks %q", title)
	}
	s.picture("rotations-confirm")
	s.run(chromedp.Click(chromedp.CSS(`input[name=confirm] + button`)), chromedp.WaitVisible(chromedp.CSS(`h1[role=status]`)))
	s.must(devenv.Until(t.Context(), patience, func() error {
		for _, c := range s.Fleet[6:] {
			e, err := s.Vault.Current(t.Context(), c.Path, 0)
			if err != nil || e.Version < 2 {
				return errors.Join(err, fmt.Errorf("%s has version %d", c.ID, e.Version))
			}
		}
		return nil
	}))
}

// freezes holds an account back, sees that on the fleet's page, and ends it there.
func (s *stage) freezes(t *testing.T) {
	s.run(
		chromedp.Navigate(s.url+"/freezes?account=ses"), chromedp.SendKeys(chromedp.CSS(`input[name=until]`), "12h"),
		chromedp.SendKeys(chromedp.CSS(`input[name=reason]`), "incident 4711\r"), chromedp.WaitVisible(chromedp.CSS(`section.frozen`)),
	)
	s.picture("freezes-frozen")
	s.run(chromedp.Navigate(s.url), chromedp.WaitVisible(chromedp.CSS(`section.frozen`)))
	if text := s.text("section.frozen"); !strings.Contains(text, "Account ses is frozen until ") || !strings.Contains(text, "UTC, in 11 h: incident 4711 (alice@console)") {
		t.Errorf("the fleet's page says %q", text)
	}
	s.picture("fleet-frozen")
	s.run(chromedp.Click(chromedp.CSS(`section.frozen button`)), chromedp.WaitVisible(chromedp.CSS(`form[action="/freezes"]`)))
	if title := s.text("h1"); title != "Nothing is frozen." {
		t.Errorf("after the thaw: %q", title)
	}
}

// wide tells how much of a page does not fit, and named which fields have no name.
const (
	wide  = `document.documentElement.scrollWidth - document.documentElement.clientWidth`
	named = `[...document.querySelectorAll("input:not([type=hidden]), select, button")].filter(e => !e.labels?.length && !e.textContent.trim() && !e.ariaLabel).map(e => e.outerHTML).join()`
)

// faint lists texts whose contrast with what is behind them is less than WCAG AA asks for.
const faint = `(() => {
	const parts = c => c.match(/[\d.]+/g).map(Number);
	const light = c => { const [r, g, b] = parts(c).map(v => { v /= 255; return v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
	const behind = e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; const p = parts(c); if (p.length < 4 || p[3] > 0) return c; } return "rgb(255, 255, 255)"; };
	const low = [];
	for (const e of document.querySelectorAll("body *")) {
		if (![...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()) || !e.checkVisibility() || e.closest("svg")) continue;
		const s = getComputedStyle(e), a = light(s.color), b = light(behind(e)), ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
		if (ratio < 4.5) low.push(e.tagName + " " + e.textContent.trim().slice(0, 30) + " " + ratio.toFixed(1));
	}
	return low.join("; ");
})()`

func (s *stage) fits(t *testing.T) {
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{360, 900, 1280} {
			s.must(As(s.ctx, width, scheme))
			for _, page := range pages {
				s.run(chromedp.Navigate(s.url + page))
				over, unnamed, low := script[int](s, wide), script[string](s, named), script[string](s, faint)
				if over > 0 || unnamed != "" || low != "" {
					t.Errorf("%s, %s, %d px: %d px do not fit; without a name: %q; hard to read: %s", page, scheme, width, over, unnamed, low)
				}
				s.picture(strings.ReplaceAll(fmt.Sprintf("%s-%s-%d", strings.Trim(page, "/"), scheme, width), "/", "-"))
			}
		}
	}
	s.run(chromedp.EmulateViewport(1280, 900), call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))
}

// prints looks at a page as a printer gets it.
func (s *stage) prints(t *testing.T) {
	s.run(
		chromedp.Navigate(s.url+"/plan"),
		call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: "print"}),
	)
	if seen := script[int](s, `[...document.querySelectorAll("nav, form, button, summary")].filter(e => e.checkVisibility()).length`); seen > 0 {
		t.Errorf("%d things to be clicked are printed", seen)
	}
	if rows := script[int](s, `[...document.querySelectorAll("details tbody tr")].filter(e => e.checkVisibility({contentVisibilityAuto: true})).length`); rows != 30 {
		t.Errorf("%d days are printed", rows)
	}
	s.picture("plan-printed")
	s.run(call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{}))
}

// keyboard presses Tab until all that can be used had the focus.
func (s *stage) keyboard(t *testing.T) {
	for _, page := range pages {
		s.run(chromedp.Navigate(s.url + page))
		want := script[int](s, `window.seen = new Set(), document.addEventListener("focusin", e => seen.add(e.target)),
			[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select")].filter(e => e.checkVisibility()).length`)
		for range want + 2 {
			s.run(chromedp.KeyEvent(kb.Tab))
		}
		if seen := script[int](s, `window.seen.size`); seen < want {
			t.Errorf("%s: %d of %d can be reached by Tab", page, seen, want)
		}
	}
}

func (s *stage) scriptless(t *testing.T) {
	s.run(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	s.run(
		chromedp.Navigate(s.url+"/credentials/app5"), chromedp.Click(chromedp.CSS(`form[action$="/rotate"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`p[role=status]`)),
	)
	s.must(devenv.Until(t.Context(), patience, func() error {
		e, err := s.Vault.Current(t.Context(), s.Fleet[5].Path, 0)
		if err == nil && e.Version < 2 {
			err = fmt.Errorf("%s has version %d", s.Fleet[5].ID, e.Version)
		}
		return err
	}))
	s.run(chromedp.Navigate(s.url + "/credentials/app5"))
	if page := s.text("main"); !strings.Contains(page, "version 2") {
		t.Errorf("%s", page)
	}
}

// vouched logs in as two persons, one of whom has a group with a role.
func (s *stage) vouched(t *testing.T) {
	logIn := func(user *mockoidc.MockUser, then string) {
		s.Issuer.QueueUser(user)
		s.run(
			chromedp.Navigate(s.url+"/events"), chromedp.WaitVisible(chromedp.CSS(`form[action="/login/oidc"] button`)),
			chromedp.Click(chromedp.CSS(`form[action="/login/oidc"] button`)), chromedp.WaitVisible(chromedp.CSS(then)),
		)
	}
	s.run(chromedp.Click(chromedp.CSS(".who button")), chromedp.WaitVisible(chromedp.CSS("#token")))
	s.picture("login")
	logIn(&mockoidc.MockUser{Subject: "1", Email: "mallory@example.com", Groups: []string{"sales"}}, "p[role=alert]")
	if page := s.text("main"); !strings.Contains(page, "You are mallory@example.com at Example, and none of your groups has a role here") {
		t.Errorf("%s", page)
	}
	s.picture("login-refused")
	logIn(&mockoidc.MockUser{Subject: "2", Email: "bob@example.com", Groups: []string{"sales", "mail"}}, "nav a[href='/events'][aria-current]")
	if who := s.text(".who span"); who != "bob@example.com, operator" {
		t.Errorf("%s is logged in", who)
	}
	s.run(
		chromedp.Navigate(s.url+"/credentials/app6"), chromedp.Click(chromedp.CSS(`form[action$="/rotate"] button`)),
		chromedp.WaitVisible(chromedp.CSS(`p[role=status]`)),
	)
	if page := s.text("main"); !strings.Contains(page, "asked by oidc:bob@example.com@console") || strings.Contains(page, "Abandon") {
		t.Errorf("%s", page)
	}
}
