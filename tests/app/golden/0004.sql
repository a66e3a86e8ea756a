BEGIN TRANSACTION;
CREATE TABLE api_key (
	id VARCHAR(48) NOT NULL,
	name VARCHAR(100) NOT NULL,
	digest VARCHAR(64) NOT NULL,
	scopes VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	expires_at DATETIME,
	revoked_at DATETIME,
	last_used_at DATETIME,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_api_key PRIMARY KEY (id),
	CONSTRAINT fk_api_key_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "api_key" VALUES('01a20fba722d8f519dcc','golden','2b7941ffc94a733493df7a80d715c1487adf7a227b3b4a6ecb2bb9d5ec98573a','read submit','2026-11-24 22:43:26.893463',NULL,NULL,NULL,'default');
CREATE TABLE attempt (
	job_id VARCHAR(48) NOT NULL,
	number INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	handle VARCHAR(80),
	started_at DATETIME NOT NULL,
	heartbeat_at DATETIME,
	ended_at DATETIME,
	error JSON,
	CONSTRAINT pk_attempt PRIMARY KEY (job_id, number),
	CONSTRAINT ck_attempt_state CHECK (state IN ('starting', 'running', 'succeeded', 'failed', 'lost', 'interrupted', 'cancelled')),
	CONSTRAINT fk_attempt_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "attempt" VALUES('job_01a20fb9da5def6605cf55155803eec2',1,'succeeded','29166:1795560167.55','2026-11-24 22:42:48.139209','2026-11-24 22:43:04.426082','2026-11-24 22:43:04.458732',NULL);
CREATE TABLE autopq_alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT autopq_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "autopq_alembic_version" VALUES('0004');
CREATE TABLE "dataset" (
	id VARCHAR(48) NOT NULL,
	created_at DATETIME NOT NULL,
	media_type VARCHAR(80) NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	rows BIGINT NOT NULL,
	inspection JSON NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_dataset PRIMARY KEY (id),
	CONSTRAINT fk_dataset_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "dataset" VALUES('ds_01a20fb9ccb458db8ea48402993c11e9','2026-11-24 22:42:47.921431','text/csv',7947,'8e0eae1289ffa46bffbbf2dadd1d204fc37ddb2dd04864513a328c355428d7c8',288,'{"rows": 288, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 0}','default');
CREATE TABLE "energy_ledger" (
	id INTEGER NOT NULL,
	job_id VARCHAR(48),
	forecast_id VARCHAR(48),
	attempt INTEGER NOT NULL,
	day VARCHAR(10) NOT NULL,
	started_at DATETIME NOT NULL,
	seconds DOUBLE NOT NULL,
	phase VARCHAR(32) NOT NULL,
	trial VARCHAR(200),
	forecaster VARCHAR(100),
	quantile_model VARCHAR(100),
	training_method VARCHAR(100),
	cpu_mj BIGINT NOT NULL,
	gpu_mj BIGINT NOT NULL,
	ram_mj BIGINT NOT NULL,
	cpu_method VARCHAR(32) NOT NULL,
	gpu_method VARCHAR(32) NOT NULL,
	ram_method VARCHAR(32) NOT NULL,
	measured BOOLEAN NOT NULL,
	country VARCHAR(3) NOT NULL,
	carbon_g_per_kwh DOUBLE NOT NULL,
	pue DOUBLE NOT NULL,
	tool VARCHAR(80) NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_energy_ledger PRIMARY KEY (id),
	CONSTRAINT ck_energy_ledger_one_cause CHECK ((job_id IS NULL) <> (forecast_id IS NULL)),
	CONSTRAINT fk_energy_ledger_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT fk_energy_ledger_forecast_id_forecast FOREIGN KEY(forecast_id) REFERENCES forecast (id),
	CONSTRAINT fk_energy_ledger_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "energy_ledger" VALUES(1,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:03.942711',0.055619,'overhead',NULL,NULL,NULL,NULL,82,0,307,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(2,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:03.998330',0.00387,'audit',NULL,NULL,NULL,NULL,6,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(3,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.002200',0.11512,'audit',NULL,NULL,NULL,NULL,106,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(4,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.117320',0.016993,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(5,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.134313',0.00102,'prepare',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(6,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.135333',0.004689,'prepare',NULL,NULL,NULL,NULL,19,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(7,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.140022',0.000669,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(8,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.140691',0.004288,'select',NULL,NULL,NULL,NULL,6,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(9,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.144979',0.004905,'select',NULL,NULL,NULL,NULL,20,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(10,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.149884',0.022249,'select','seasonal_naive','seasonal_naive',NULL,NULL,18,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(11,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.172133',0.035499,'select',NULL,NULL,NULL,NULL,22,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(12,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.207632',0.002598,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(13,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.210230',0.00069,'quantiles',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(14,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.210920',0.000512,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(15,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.211432',0.003472,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,14,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(16,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.214904',0.000838,'quantiles',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(17,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.215742',0.000474,'overhead',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(18,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.216216',0.005231,'search',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(19,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.221447',0.000429,'overhead',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(20,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.221876',0.001934,'evaluate',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(21,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.223810',0.054885,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,54,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(22,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.278695',0.061548,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,66,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(23,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.340243',0.010937,'evaluate',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(24,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.351180',0.000551,'overhead',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(25,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.351731',0.000744,'refit',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(26,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.352475',0.011439,'refit',NULL,NULL,NULL,NULL,8,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(27,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.363914',0.00086,'refit','seasonal_naive+residual/refit','seasonal_naive','residual',NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(28,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.364774',0.000478,'refit',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(29,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.365252',0.029622,'refit','seasonal_naive/refit','seasonal_naive',NULL,NULL,21,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(30,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.394874',0.000996,'refit',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(31,'job_01a20fb9da5def6605cf55155803eec2',NULL,1,'2026-11-24','2026-11-24 22:43:04.395870',0.025549,'overhead',NULL,NULL,NULL,NULL,10,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(32,NULL,'fc_01a20fba1b7d02b6fd67999ad538f4c4',1,'2026-11-24','2026-11-24 22:43:19.830913',0.040354,'overhead',NULL,NULL,NULL,NULL,24,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(33,NULL,'fc_01a20fba1b7d02b6fd67999ad538f4c4',1,'2026-11-24','2026-11-24 22:43:19.871267',0.203176,'predict',NULL,NULL,NULL,NULL,163,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(34,NULL,'fc_01a20fba1b7d02b6fd67999ad538f4c4',1,'2026-11-24','2026-11-24 22:43:20.074443',0.00102,'overhead',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
CREATE TABLE "forecast" (
	id VARCHAR(48) NOT NULL,
	model_id VARCHAR(48) NOT NULL,
	history JSON,
	future_covariates JSON,
	paths INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	attempt INTEGER NOT NULL,
	crashes INTEGER NOT NULL,
	error JSON,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	finished_at DATETIME,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_forecast PRIMARY KEY (id),
	CONSTRAINT ck_forecast_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
	CONSTRAINT fk_forecast_model_id_model FOREIGN KEY(model_id) REFERENCES model (id),
	CONSTRAINT ck_forecast_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT fk_forecast_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "forecast" VALUES('fc_01a20fba1b7d02b6fd67999ad538f4c4','model_01a20fba1a99082a9b1e9451ff14d979',NULL,NULL,2,'succeeded',1,0,NULL,'2026-11-24 22:43:04.706618','2026-11-24 22:43:19.832105','2026-11-24 22:43:20.097571','default');
CREATE TABLE idempotency_key (
	account VARCHAR(64) NOT NULL,
	"key" VARCHAR(255) NOT NULL,
	fingerprint VARCHAR(64) NOT NULL,
	status INTEGER NOT NULL,
	location VARCHAR(200) NOT NULL,
	body TEXT NOT NULL,
	expires_at DATETIME NOT NULL,
	CONSTRAINT pk_idempotency_key PRIMARY KEY (account, "key")
);
CREATE TABLE "job" (
	id VARCHAR(48) NOT NULL,
	dataset_id VARCHAR(48) NOT NULL,
	config JSON NOT NULL,
	audit JSON NOT NULL,
	state VARCHAR(16) NOT NULL,
	phase VARCHAR(16),
	progress DOUBLE NOT NULL,
	message TEXT NOT NULL,
	attempt INTEGER NOT NULL,
	crashes INTEGER NOT NULL,
	error JSON,
	created_at DATETIME NOT NULL,
	started_at DATETIME,
	finished_at DATETIME,
	tenant_id VARCHAR(48) NOT NULL,
	trials INTEGER NOT NULL,
	best JSON,
	eta_seconds DOUBLE,
	account VARCHAR(64) NOT NULL,
	priority INTEGER NOT NULL,
	deadline DATETIME,
	rerun_of VARCHAR(48),
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT fk_job_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id),
	CONSTRAINT fk_job_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT ck_job_crashes CHECK (crashes BETWEEN 0 AND 2)
);
INSERT INTO "job" VALUES('job_01a20fb9da5def6605cf55155803eec2','ds_01a20fb9ccb458db8ea48402993c11e9','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','succeeded','refit',1.0,'done',1,0,NULL,'2026-11-24 22:42:48.029746','2026-11-24 22:42:48.139209','2026-11-24 22:43:04.458732','default',5,'{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}',NULL,'default',0,NULL,NULL);
INSERT INTO "job" VALUES('job_01a20fb9dabcc849f86a1d3d7e0cb302','ds_01a20fb9ccb458db8ea48402993c11e9','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','cancelled',NULL,0.0,'cancelled before it started',0,0,NULL,'2026-11-24 22:42:48.124712',NULL,'2026-11-24 22:42:48.197167','default',0,NULL,NULL,'default',0,NULL,NULL);
CREATE TABLE job_event (
	id INTEGER NOT NULL,
	job_id VARCHAR(48) NOT NULL,
	at DATETIME NOT NULL,
	attempt INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	data JSON NOT NULL,
	CONSTRAINT pk_job_event PRIMARY KEY (id),
	CONSTRAINT ck_job_event_kind CHECK (kind IN ('state', 'phase', 'progress', 'trial')),
	CONSTRAINT fk_job_event_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "job_event" VALUES(1,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:42:48.029746',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(2,'job_01a20fb9dabcc849f86a1d3d7e0cb302','2026-11-24 22:42:48.124712',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(3,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:42:48.139209',1,'state','{"state": "running", "message": "starting a worker"}');
INSERT INTO "job_event" VALUES(4,'job_01a20fb9dabcc849f86a1d3d7e0cb302','2026-11-24 22:42:48.197167',0,'state','{"state": "cancelled", "message": "cancelled before it started"}');
INSERT INTO "job_event" VALUES(5,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:03.993144',1,'phase','{"phase": "audit"}');
INSERT INTO "job_event" VALUES(6,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.118088',1,'phase','{"phase": "prepare"}');
INSERT INTO "job_event" VALUES(7,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.140665',1,'phase','{"phase": "select"}');
INSERT INTO "job_event" VALUES(8,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.187124',1,'trial','{"phase": "select", "name": "seasonal_naive", "score": 0.0, "seconds": 0.037206591999620287, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(9,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.187146',1,'progress','{"progress": 0.1111111111111111, "message": "fitted seasonal_naive", "eta_seconds": 18.3}');
INSERT INTO "job_event" VALUES(10,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.208358',1,'phase','{"phase": "quantiles"}');
INSERT INTO "job_event" VALUES(11,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.215701',1,'trial','{"phase": "quantiles", "name": "seasonal_naive+residual", "score": null, "seconds": 0.004748912999730237, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(12,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.215728',1,'progress','{"progress": 0.2222222222222222, "message": "fitted seasonal_naive+residual", "eta_seconds": 8.1}');
INSERT INTO "job_event" VALUES(13,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.216192',1,'phase','{"phase": "search"}');
INSERT INTO "job_event" VALUES(14,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.221848',1,'phase','{"phase": "evaluate"}');
INSERT INTO "job_event" VALUES(15,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.351030',1,'trial','{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0, "seconds": 0.12717961599992123, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(16,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.351170',1,'progress','{"progress": 0.3333333333333333, "message": "seasonal_naive+residual is best on validation", "eta_seconds": 4.9}');
INSERT INTO "job_event" VALUES(17,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.351681',1,'phase','{"phase": "refit"}');
INSERT INTO "job_event" VALUES(18,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.365209',1,'trial','{"phase": "refit", "name": "seasonal_naive+residual/refit", "score": null, "seconds": 0.012707907999811141, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(19,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.395829',1,'trial','{"phase": "refit", "name": "seasonal_naive/refit", "score": null, "seconds": 0.030545994000021892, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(20,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.395858',1,'progress','{"progress": 0.4444444444444444, "message": "refitted on all rows", "eta_seconds": 3.1}');
INSERT INTO "job_event" VALUES(21,'job_01a20fb9da5def6605cf55155803eec2','2026-11-24 22:43:04.458732',1,'state','{"state": "succeeded", "message": "done"}');
CREATE TABLE leaderboard_row (
	job_id VARCHAR(48) NOT NULL,
	rank INTEGER NOT NULL,
	"row" JSON NOT NULL,
	CONSTRAINT pk_leaderboard_row PRIMARY KEY (job_id, rank),
	CONSTRAINT fk_leaderboard_row_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "leaderboard_row" VALUES('job_01a20fb9da5def6605cf55155803eec2',1,'{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.041955504999350524, "energy_wh": 9.444444444444445e-06, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}');
CREATE TABLE "model" (
	id VARCHAR(48) NOT NULL,
	job_id VARCHAR(48) NOT NULL,
	attempt INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	config JSON NOT NULL,
	summary JSON NOT NULL,
	size_bytes BIGINT NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_model PRIMARY KEY (id),
	CONSTRAINT fk_model_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT uq_model_job_id UNIQUE (job_id),
	CONSTRAINT fk_model_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "model" VALUES('model_01a20fba1a99082a9b1e9451ff14d979','job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.496002','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.041955504999350524, "energy_wh": 9.444444444444445e-06, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}',7768,'default');
CREATE TABLE supervisor_lease (
	id INTEGER NOT NULL,
	holder VARCHAR(80) NOT NULL,
	expires_at DATETIME NOT NULL,
	prediction_worker VARCHAR(80),
	CONSTRAINT pk_supervisor_lease PRIMARY KEY (id),
	CONSTRAINT ck_supervisor_lease_single CHECK (id = 1)
);
INSERT INTO "supervisor_lease" VALUES(1,'1:1.00@somewhere','2026-11-24 22:43:31.489075','29379:1795560184.24');
CREATE TABLE tenant (
	id VARCHAR(48) NOT NULL,
	name VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (id),
	CONSTRAINT uq_tenant_name UNIQUE (name)
);
INSERT INTO "tenant" VALUES('default','default','2026-11-24 22:42:43.008830');
CREATE TABLE trial (
	id INTEGER NOT NULL,
	job_id VARCHAR(48) NOT NULL,
	attempt INTEGER NOT NULL,
	finished_at DATETIME NOT NULL,
	phase VARCHAR(16) NOT NULL,
	name VARCHAR(200) NOT NULL,
	params JSON NOT NULL,
	score DOUBLE,
	seconds DOUBLE NOT NULL,
	energy_wh DOUBLE NOT NULL,
	forecaster VARCHAR(100),
	quantile_model VARCHAR(100),
	training_method VARCHAR(100),
	error TEXT,
	CONSTRAINT pk_trial PRIMARY KEY (id),
	CONSTRAINT fk_trial_job_id_attempt_attempt FOREIGN KEY(job_id, attempt) REFERENCES attempt (job_id, number)
);
INSERT INTO "trial" VALUES(1,'job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.187117','select','seasonal_naive','{}',0.0,3.72065919996202865149e-02,5.0e-06,'seasonal_naive',NULL,NULL,NULL);
INSERT INTO "trial" VALUES(2,'job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.215696','quantiles','seasonal_naive+residual','{}',NULL,4.74891299973023706115e-03,4.44444444444444414915e-06,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(3,'job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.351024','evaluate','seasonal_naive+residual/score','{}',0.0,1.27179615999921225011e-01,3.33333333333333349307e-05,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(4,'job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.365203','refit','seasonal_naive+residual/refit','{}',NULL,1.27079079998111410532e-02,8.33333333333333330962e-07,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(5,'job_01a20fb9da5def6605cf55155803eec2',1,'2026-11-24 22:43:04.395823','refit','seasonal_naive/refit','{}',NULL,3.05459940000218921341e-02,5.83333333333333310492e-06,'seasonal_naive',NULL,NULL,NULL);
CREATE TABLE webhook (
	job_id VARCHAR(48) NOT NULL,
	url TEXT NOT NULL,
	secret VARCHAR(200),
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_webhook PRIMARY KEY (job_id),
	CONSTRAINT fk_webhook_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT fk_webhook_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
CREATE TABLE webhook_delivery (
	id VARCHAR(48) NOT NULL,
	job_id VARCHAR(48) NOT NULL,
	kind VARCHAR(40) NOT NULL,
	body TEXT NOT NULL,
	state VARCHAR(16) NOT NULL,
	tries INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	next_at DATETIME NOT NULL,
	settled_at DATETIME,
	status INTEGER,
	error TEXT,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_webhook_delivery PRIMARY KEY (id),
	CONSTRAINT ck_webhook_delivery_state CHECK (state IN ('waiting', 'delivered', 'given_up')),
	CONSTRAINT fk_webhook_delivery_job_id_webhook FOREIGN KEY(job_id) REFERENCES webhook (job_id),
	CONSTRAINT fk_webhook_delivery_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
CREATE TABLE webhook_secret (
	id VARCHAR(48) NOT NULL,
	secret VARCHAR(200) NOT NULL,
	created_at DATETIME NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	CONSTRAINT pk_webhook_secret PRIMARY KEY (id),
	CONSTRAINT fk_webhook_secret_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
CREATE INDEX ix_trial_job_id_id ON trial (job_id, id);
CREATE INDEX ix_dataset_tenant_id_id ON dataset (tenant_id, id);
CREATE INDEX ix_model_tenant_id_id ON model (tenant_id, id);
CREATE INDEX ix_forecast_state_id ON forecast (state, id);
CREATE INDEX ix_forecast_tenant_id_id ON forecast (tenant_id, id);
CREATE INDEX ix_energy_ledger_day ON energy_ledger (day);
CREATE INDEX ix_energy_ledger_forecast_id ON energy_ledger (forecast_id);
CREATE INDEX ix_energy_ledger_job_id ON energy_ledger (job_id);
CREATE INDEX ix_energy_ledger_tenant_id_day ON energy_ledger (tenant_id, day);
CREATE INDEX ix_idempotency_key_expires_at ON idempotency_key (expires_at);
CREATE INDEX ix_job_event_job_id_id ON job_event (job_id, id);
CREATE INDEX ix_job_dataset_id_id ON job (dataset_id, id);
CREATE INDEX ix_job_tenant_id_id ON job (tenant_id, id);
CREATE INDEX ix_job_state_id ON job (state, id);
CREATE INDEX ix_job_tenant_id_started_at ON job (tenant_id, started_at);
CREATE INDEX ix_job_deadline ON job (deadline);
CREATE UNIQUE INDEX ix_webhook_secret_tenant_id ON webhook_secret (tenant_id);
CREATE INDEX ix_webhook_delivery_state_next_at ON webhook_delivery (state, next_at);
CREATE INDEX ix_webhook_delivery_job_id ON webhook_delivery (job_id);
COMMIT;
