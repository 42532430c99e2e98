package observe

import "slices"

// Families are all metrics that keyturn's programs show, besides those of Go and of the process.
func Families() []Family {
	return slices.Concat(rotated(), worked(), standing(), served(), told(), about())
}

// rotated is what a process counts of its rotations, and of what it asked for them.
func rotated() []Family {
	return []Family{
		{
			"keyturn_rotations_total", Counter,
			[]string{"account", "outcome"},
			ByEach,
			"Rotations that ended, by outcome: verified, unverified, unchecked (verification is off) or quarantined.",
			"Nothing while `verified` grows. `unverified`: [the verifier is down](runbook.md#the-verifier-is-down). `quarantined`: [a credential is in quarantine](runbook.md#a-credential-is-in-quarantine).",
		},
		{
			"keyturn_provider_calls_total", Counter,
			[]string{"account", "op", "kind"},
			ByEach,
			"Calls to a provider, by the meaning of the answer; accepted is a success.",
			"`unauthorized`: [the key is refused](runbook.md#an-accounts-key-is-refused-the-breaker-is-open). Much `rate limited`: something else uses the account, or its `rate` is too high. `clock skew`: [a worker's clock is wrong](runbook.md#a-workers-clock-is-wrong).",
		},
		{
			"keyturn_provider_call_seconds", Histogram,
			[]string{"account", "op"},
			ByEach,
			"Duration of a call to a provider.",
			"Near `timing.provider_timeout`, answers are lost: raise it, or the account's `timeout`.",
		},
		{
			"keyturn_verify_total", Counter,
			[]string{"account", "verdict"},
			ByEach,
			"Checks whether a password works, by verdict.",
			"`could not ask`: [the verifier is down](runbook.md#the-verifier-is-down). Many `refused`: [a mail server refuses all logins](runbook.md#a-mail-server-refuses-all-logins).",
		},
		{
			"keyturn_verify_seconds", Histogram,
			[]string{"account"},
			ByEach,
			"Duration of a check whether a password works.",
			"Servers delay the answer to a login that they refuse. Near `verify.smtp.timeout`, raise it.",
		},
		{
			"keyturn_exposure_seconds", Histogram,
			[]string{"account"},
			ByEach,
			"Time from a provider's acceptance of a password to its promotion.",
			"During this time a program may be refused ([consumers](consumers.md)). It is long where a password takes long to spread, or where the verifier is slow.",
		},
		{
			"keyturn_lost_generations_total", Counter,
			[]string{"account"},
			ByEach,
			"Passwords that a provider generated and that are lost.",
			"Nothing at once: the rotation goes on with another one. If it grows, answers of the provider get lost: look at `keyturn_provider_calls_total{kind=\"in doubt\"}`.",
		},
	}
}

// worked is what a process counts of its jobs, and of what happened meanwhile.
func worked() []Family {
	return []Family{
		{
			"keyturn_runs_total", Counter,
			[]string{"account", "kind", "outcome"},
			ByEach,
			"Runs of jobs, by outcome.",
			"`failed` is tried again. `unknown`: [schedulers use different configurations](runbook.md#schedulers-use-different-configurations). `newer`: this worker is older than the others. `malformed`: something else writes to this Redis. `panic`: a defect, please report the lines of the log.",
		},
		{
			"keyturn_run_seconds", Histogram,
			[]string{"account", "kind"},
			ByEach,
			"Duration of a run of a job.",
			"It includes the wait for the account's rate. Near `timing.task_timeout`, runs are abandoned and resumed.",
		},
		{
			"keyturn_breaker_transitions_total", Counter,
			[]string{"account", "to"},
			ByEach,
			"Breakers that opened or closed.",
			"[The breaker is open](runbook.md#an-accounts-key-is-refused-the-breaker-is-open).",
		},
		{
			"keyturn_notices_total", Counter,
			[]string{"account", "kind"},
			ByEach,
			"Events that a person should know about although the rotation goes on: promoted_unverified, verifier_away and so on.",
			"[The table of kinds](runbook.md#where-to-look).",
		},
		{
			"keyturn_mail_server_transitions_total", Counter,
			[]string{"server", "to"},
			ByEach,
			"Mail servers that began to refuse logins that worked before, or that accept them again.",
			"[A mail server refuses all logins](runbook.md#a-mail-server-refuses-all-logins).",
		},
		{
			"keyturn_unread_total", Counter,
			[]string{"gauge"},
			ByEach,
			"Times that a gauge could not be read during a scrape.",
			"The gauge keeps its last value meanwhile. [Redis is down](runbook.md#redis-was-emptied-or-is-down).",
		},
	}
}

// standing is where the fleet stands: what Redis says, and what a scheduler has read from Vault.
func standing() []Family {
	return []Family{
		{
			"keyturn_credentials", Gauge,
			[]string{"account", "state"},
			ByAny,
			"Credentials by where they stand: with a due time, overdue, claimed and not ended, with an open journal, in quarantine, with an identity that waits to be retired, and with one that was not an hour after its time.",
			"`quarantined`: [a credential is in quarantine](runbook.md#a-credential-is-in-quarantine). `overdue` that does not fall: [credentials are overdue](runbook.md#credentials-are-overdue). `not_retired`: [an identity is not retired](runbook.md#an-identity-is-not-retired).",
		},
		{
			"keyturn_overdue_seconds", Gauge,
			[]string{"account"},
			ByAny,
			"How long the credential that has waited longest is beyond its due time, 0 if none is; what was claimed for the queue does not count.",
			"[Credentials are overdue](runbook.md#credentials-are-overdue).",
		},
		{
			"keyturn_resume_late_seconds", Gauge,
			[]string{"account"},
			ByAny,
			"How long the open journal that should have been resumed first waits beyond that time, 0 if none does.",
			"[Open rotations are not resumed](runbook.md#open-rotations-are-not-resumed).",
		},
		{
			"keyturn_retirement_late_seconds", Gauge,
			[]string{"account"},
			ByAny,
			"How long the identity that should have been retired first is overdue.",
			"[An identity is not retired](runbook.md#an-identity-is-not-retired).",
		},
	}
}

// served is what holds accounts up, and what schedulers know.
func served() []Family {
	return []Family{
		{
			"keyturn_breaker_open", Gauge,
			[]string{"account"},
			ByAny,
			"1 where an account's breaker is open.",
			"[The breaker is open](runbook.md#an-accounts-key-is-refused-the-breaker-is-open).",
		},
		{
			"keyturn_queue_jobs", Gauge,
			[]string{"account", "queue", "state"},
			ByAny,
			"Jobs by queue and state.",
			"`pending` that grows: no worker serves the account, or its rate is spoken for ([credentials are overdue](runbook.md#credentials-are-overdue)).",
		},
		{
			"keyturn_queue_paused", Gauge,
			[]string{"account", "queue"},
			ByAny,
			"1 where a person paused a queue of an account.",
			"[An account waits although its provider is up](runbook.md#an-account-waits-although-its-provider-is-up).",
		},
		{
			"keyturn_configurations", Gauge, nil, ByScheduler,
			"Different configurations among the schedulers that run; 0 until they were counted.",
			"[Schedulers use different configurations](runbook.md#schedulers-use-different-configurations).",
		},
		{
			"keyturn_unread_credentials", Gauge,
			[]string{"account", "store"},
			ByScheduler,
			"Credentials whose journal or secret cannot be read, so that they keep the due time that they had.",
			"[Credentials cannot be read from Vault](runbook.md#credentials-cannot-be-read-from-vault).",
		},
		{
			"keyturn_frozen", Gauge,
			[]string{"account"},
			ByAny,
			"1 where a change freeze holds all scheduled rotations of an account back, or what is frozen could not be read since the start.",
			"`rotatectl status` names the freezes. [Freezes that cannot be read](runbook.md#scheduled-work-waits-for-freezes-that-cannot-be-read).",
		},
		{
			"keyturn_deleted_secrets", Gauge,
			[]string{"account"},
			ByScheduler,
			"Secrets that keyturn wrote and that are deleted in Vault, as far as this scheduler has read.",
			"[A secret was deleted](runbook.md#a-secret-was-deleted).",
		},
	}
}

// told is how what is told elsewhere stands.
func told() []Family {
	return []Family{
		{
			"keyturn_deliveries_waiting", Gauge,
			[]string{"to"},
			ByAny,
			"Events that a webhook, a command or the restarts are still to be told.",
			"One that grows: [a receiver is not told](runbook.md#a-receiver-is-not-told).",
		},
		{
			"keyturn_deliveries_given_up", Gauge,
			[]string{"to"},
			ByAny,
			"Events that it was not told for a day, or refused for good, and that were not sent again since; 1,000 at most.",
			"[A receiver is not told](runbook.md#a-receiver-is-not-told).",
		},
	}
}

// about is what a process says of itself.
func about() []Family {
	return []Family{
		{
			"keyturn_ready", Gauge, nil, ByEach,
			"1 if the process is ready, as /readyz reports it, else 0.",
			"[A process is not ready](runbook.md#a-process-is-not-ready).",
		},
		{
			"keyturn_not_ready", Gauge,
			[]string{"condition"},
			ByEach,
			"1 for each condition that keeps the process from being ready.",
			"[A process is not ready](runbook.md#a-process-is-not-ready).",
		},
		{
			"keyturn_accounts_served", Gauge, nil, ByEach,
			"Accounts that have work for this worker; the others cost nothing.",
			"0 for long while `keyturn_queue_jobs` is not: [an account waits](runbook.md#an-account-waits-although-its-provider-is-up).",
		},
		{
			"keyturn_mail_server_usable", Gauge,
			[]string{"server"},
			ByEach,
			"1 if a mail server can be asked: it was reached over TLS and offers a login mechanism. Checked when the process starts and when it reloads its configuration.",
			"The WARN line `no password can be verified at a mail server` names the fault.",
		},
		{
			"keyturn_clock_ahead_seconds", Gauge, nil, ByEach,
			"What this machine's clock is ahead of Redis's, which counts.",
			"[A clock went back](runbook.md#a-clock-went-back).",
		},
		{
			"keyturn_build_info", Gauge,
			[]string{"version", "revision", "go"},
			ByEach,
			"Always 1; the labels say how the program was built.",
			"[Upgrades](upgrade.md) say which versions may run side by side.",
		},
	}
}
