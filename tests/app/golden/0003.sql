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
INSERT INTO "api_key" VALUES('01a20fb982f5a4c8738d','golden','146b88b0d22ceb3d973bb46bc9b7e1034b6e071625a4b850de60354d237a7b5c','read submit','2026-11-24 22:42:25.653125',NULL,NULL,NULL,'default');
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
INSERT INTO "attempt" VALUES('job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'succeeded','28623:1795560098.95','2026-11-24 22:41:39.588026','2026-11-24 22:41:56.951836','2026-11-24 22:41:56.980057',NULL);
CREATE TABLE autopq_alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT autopq_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "autopq_alembic_version" VALUES('0003');
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
INSERT INTO "dataset" VALUES('ds_01a20fb8c1a16ed098868e0c91d253fe','2026-11-24 22:41:39.213196','text/csv',7947,'8e0eae1289ffa46bffbbf2dadd1d204fc37ddb2dd04864513a328c355428d7c8',288,'{"rows": 288, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 0}','default');
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
	CONSTRAINT fk_energy_ledger_forecast_id_forecast FOREIGN KEY(forecast_id) REFERENCES forecast (id),
	CONSTRAINT fk_energy_ledger_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT fk_energy_ledger_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "energy_ledger" VALUES(1,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.302926',0.059349,'overhead',NULL,NULL,NULL,NULL,79,0,169,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(2,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.362275',0.012606,'audit',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(3,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.374881',0.163897,'audit',NULL,NULL,NULL,NULL,116,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(4,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.538778',0.002261,'overhead',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(5,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.541039',0.005192,'prepare',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(6,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.546231',0.002696,'prepare',NULL,NULL,NULL,NULL,10,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(7,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.548927',0.000721,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(8,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.549648',0.007145,'select',NULL,NULL,NULL,NULL,29,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(9,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.556793',0.005881,'select',NULL,NULL,NULL,NULL,20,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(10,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.562674',0.030748,'select','seasonal_naive','seasonal_naive',NULL,NULL,21,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(11,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.593422',0.023029,'select',NULL,NULL,NULL,NULL,32,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(12,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.616451',0.012939,'overhead',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(13,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.629390',0.001192,'quantiles',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(14,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.630582',0.007164,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(15,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.637746',0.01731,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,16,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(16,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.655056',0.011896,'quantiles',NULL,NULL,NULL,NULL,6,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(17,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.666952',0.011917,'overhead',NULL,NULL,NULL,NULL,13,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(18,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.678869',0.019132,'search',NULL,NULL,NULL,NULL,17,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(19,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.698001',0.005125,'overhead',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(20,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.703126',0.016892,'evaluate',NULL,NULL,NULL,NULL,17,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(21,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.720018',0.022542,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,21,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(22,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.742560',0.120452,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,174,0,6000,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(23,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.863012',0.023892,'evaluate',NULL,NULL,NULL,NULL,4,0,51,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(24,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.886904',0.003344,'overhead',NULL,NULL,NULL,NULL,3,0,35,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(25,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.890248',0.01026,'refit',NULL,NULL,NULL,NULL,3,0,106,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(26,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.900508',0.014215,'refit',NULL,NULL,NULL,NULL,9,0,147,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(27,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.914723',0.000707,'refit','seasonal_naive+residual/refit','seasonal_naive','residual',NULL,3,0,8,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(28,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.915430',0.000439,'refit',NULL,NULL,NULL,NULL,2,0,4,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(29,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.915869',0.019782,'refit','seasonal_naive/refit','seasonal_naive',NULL,NULL,19,0,205,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(30,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.935651',0.000547,'refit',NULL,NULL,NULL,NULL,2,0,6,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(31,'job_01a20fb8ce4376cd0f946c4ca7074c2f',NULL,1,'2026-11-24','2026-11-24 22:41:56.936198',0.012703,'overhead',NULL,NULL,NULL,NULL,8,0,131,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(32,NULL,'fc_01a20fb913c5ed3dc472a0039d187403',1,'2026-11-24','2026-11-24 22:42:16.055112',0.024621,'overhead',NULL,NULL,NULL,NULL,21,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(33,NULL,'fc_01a20fb913c5ed3dc472a0039d187403',1,'2026-11-24','2026-11-24 22:42:16.079733',0.282782,'predict',NULL,NULL,NULL,NULL,174,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(34,NULL,'fc_01a20fb913c5ed3dc472a0039d187403',1,'2026-11-24','2026-11-24 22:42:16.362515',0.00096,'overhead',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
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
	CONSTRAINT fk_forecast_model_id_model FOREIGN KEY(model_id) REFERENCES model (id),
	CONSTRAINT ck_forecast_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT ck_forecast_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
	CONSTRAINT fk_forecast_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "forecast" VALUES('fc_01a20fb913c5ed3dc472a0039d187403','model_01a20fb913000e4283204dc65e97657c',NULL,NULL,2,'succeeded',1,0,NULL,'2026-11-24 22:41:57.191982','2026-11-24 22:42:16.056201','2026-11-24 22:42:16.386153','default');
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
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT fk_job_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT ck_job_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT fk_job_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "job" VALUES('job_01a20fb8ce4376cd0f946c4ca7074c2f','ds_01a20fb8c1a16ed098868e0c91d253fe','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','succeeded','refit',1.0,'done',1,0,NULL,'2026-11-24 22:41:39.395482','2026-11-24 22:41:39.588026','2026-11-24 22:41:56.980057','default',5,'{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}',NULL);
INSERT INTO "job" VALUES('job_01a20fb8ced155506bceb7e553370714','ds_01a20fb8c1a16ed098868e0c91d253fe','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','cancelled',NULL,0.0,'cancelled before it started',0,0,NULL,'2026-11-24 22:41:39.537733',NULL,'2026-11-24 22:41:39.567692','default',0,NULL,NULL);
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
INSERT INTO "job_event" VALUES(1,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:39.395482',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(2,'job_01a20fb8ced155506bceb7e553370714','2026-11-24 22:41:39.537733',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(3,'job_01a20fb8ced155506bceb7e553370714','2026-11-24 22:41:39.567692',0,'state','{"state": "cancelled", "message": "cancelled before it started"}');
INSERT INTO "job_event" VALUES(4,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:39.588026',1,'state','{"state": "running", "message": "starting a worker"}');
INSERT INTO "job_event" VALUES(5,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.354106',1,'phase','{"phase": "audit"}');
INSERT INTO "job_event" VALUES(6,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.539823',1,'phase','{"phase": "prepare"}');
INSERT INTO "job_event" VALUES(7,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.549623',1,'phase','{"phase": "select"}');
INSERT INTO "job_event" VALUES(8,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.597884',1,'trial','{"phase": "select", "name": "seasonal_naive", "score": 0.0, "seconds": 0.03516321200004313, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(9,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.597919',1,'progress','{"progress": 0.1111111111111111, "message": "fitted seasonal_naive", "eta_seconds": 20.9}');
INSERT INTO "job_event" VALUES(10,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.629333',1,'phase','{"phase": "quantiles"}');
INSERT INTO "job_event" VALUES(11,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.666876',1,'trial','{"phase": "quantiles", "name": "seasonal_naive+residual", "score": null, "seconds": 0.036237065000022994, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(12,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.666930',1,'progress','{"progress": 0.2222222222222222, "message": "fitted seasonal_naive+residual", "eta_seconds": 9.4}');
INSERT INTO "job_event" VALUES(13,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.678823',1,'phase','{"phase": "search"}');
INSERT INTO "job_event" VALUES(14,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.703088',1,'phase','{"phase": "evaluate"}');
INSERT INTO "job_event" VALUES(15,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.886770',1,'trial','{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0, "seconds": 0.16672119700024268, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(16,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.886895',1,'progress','{"progress": 0.3333333333333333, "message": "seasonal_naive+residual is best on validation", "eta_seconds": 5.8}');
INSERT INTO "job_event" VALUES(17,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.887440',1,'phase','{"phase": "refit"}');
INSERT INTO "job_event" VALUES(18,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.915845',1,'trial','{"phase": "refit", "name": "seasonal_naive+residual/refit", "score": null, "seconds": 0.0011135620002278301, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(19,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.936167',1,'trial','{"phase": "refit", "name": "seasonal_naive/refit", "score": null, "seconds": 0.020269622999876447, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(20,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.936190',1,'progress','{"progress": 0.4444444444444444, "message": "refitted on all rows", "eta_seconds": 3.7}');
INSERT INTO "job_event" VALUES(21,'job_01a20fb8ce4376cd0f946c4ca7074c2f','2026-11-24 22:41:56.980057',1,'state','{"state": "succeeded", "message": "done"}');
CREATE TABLE leaderboard_row (
	job_id VARCHAR(48) NOT NULL,
	rank INTEGER NOT NULL,
	"row" JSON NOT NULL,
	CONSTRAINT pk_leaderboard_row PRIMARY KEY (job_id, rank),
	CONSTRAINT fk_leaderboard_row_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "leaderboard_row" VALUES('job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.07140027700006613, "energy_wh": 1.1666666666666666e-05, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}');
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
INSERT INTO "model" VALUES('model_01a20fb913000e4283204dc65e97657c','job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:57.012500','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.07140027700006613, "energy_wh": 1.1666666666666666e-05, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}',7743,'default');
CREATE TABLE supervisor_lease (
	id INTEGER NOT NULL,
	holder VARCHAR(80) NOT NULL,
	expires_at DATETIME NOT NULL,
	prediction_worker VARCHAR(80),
	CONSTRAINT pk_supervisor_lease PRIMARY KEY (id),
	CONSTRAINT ck_supervisor_lease_single CHECK (id = 1)
);
INSERT INTO "supervisor_lease" VALUES(1,'1:1.00@somewhere','2026-11-24 22:42:30.860520','28762:1795560116.83');
CREATE TABLE tenant (
	id VARCHAR(48) NOT NULL,
	name VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (id),
	CONSTRAINT uq_tenant_name UNIQUE (name)
);
INSERT INTO "tenant" VALUES('default','default','2026-11-24 22:41:34.695920');
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
INSERT INTO "trial" VALUES(1,'job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:56.597876','select','seasonal_naive','{}',0.0,3.5163212000043131411e-02,5.83333333333333310492e-06,'seasonal_naive',NULL,NULL,NULL);
INSERT INTO "trial" VALUES(2,'job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:56.666866','quantiles','seasonal_naive+residual','{}',NULL,3.62370650000229943543e-02,5.83333333333333310492e-06,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(3,'job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:56.886765','evaluate','seasonal_naive+residual/score','{}',0.0,1.66721197000242682406e-01,1.7208333333333333294e-03,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(4,'job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:56.915840','refit','seasonal_naive+residual/refit','{}',NULL,1.11356200022783013992e-03,3.05555555555555561752e-06,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(5,'job_01a20fb8ce4376cd0f946c4ca7074c2f',1,'2026-11-24 22:41:56.936162','refit','seasonal_naive/refit','{}',NULL,2.02696229998764465562e-02,6.2222222222222219783e-05,'seasonal_naive',NULL,NULL,NULL);
CREATE INDEX ix_trial_job_id_id ON trial (job_id, id);
CREATE INDEX ix_dataset_tenant_id_id ON dataset (tenant_id, id);
CREATE INDEX ix_model_tenant_id_id ON model (tenant_id, id);
CREATE INDEX ix_forecast_state_id ON forecast (state, id);
CREATE INDEX ix_forecast_tenant_id_id ON forecast (tenant_id, id);
CREATE INDEX ix_energy_ledger_job_id ON energy_ledger (job_id);
CREATE INDEX ix_energy_ledger_forecast_id ON energy_ledger (forecast_id);
CREATE INDEX ix_energy_ledger_day ON energy_ledger (day);
CREATE INDEX ix_energy_ledger_tenant_id_day ON energy_ledger (tenant_id, day);
CREATE INDEX ix_idempotency_key_expires_at ON idempotency_key (expires_at);
CREATE INDEX ix_job_event_job_id_id ON job_event (job_id, id);
CREATE INDEX ix_job_tenant_id_id ON job (tenant_id, id);
CREATE INDEX ix_job_state_id ON job (state, id);
CREATE INDEX ix_job_dataset_id_id ON job (dataset_id, id);
COMMIT;
