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
INSERT INTO "api_key" VALUES('01a20fb87a0818e4d106','golden','aa663debc92441b506f7763454a7257b077aa74893b77cab0e5f1200308a1e10','read submit','2026-11-24 22:41:17.832790',NULL,NULL,NULL,'default');
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
INSERT INTO "attempt" VALUES('job_01a20fb7c6bc02825991644a044ccb17',1,'succeeded','27987:1795560031.40','2026-11-24 22:40:32.073428','2026-11-24 22:40:48.409245','2026-11-24 22:40:48.469422',NULL);
CREATE TABLE autopq_alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT autopq_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "autopq_alembic_version" VALUES('0002');
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
INSERT INTO "dataset" VALUES('ds_01a20fb7ba8620f1af0c153dbc250341','2026-11-24 22:40:31.766385','text/csv',7947,'8e0eae1289ffa46bffbbf2dadd1d204fc37ddb2dd04864513a328c355428d7c8',288,'{"rows": 288, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 0}','default');
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
	CONSTRAINT fk_energy_ledger_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT ck_energy_ledger_one_cause CHECK ((job_id IS NULL) <> (forecast_id IS NULL)),
	CONSTRAINT fk_energy_ledger_forecast_id_forecast FOREIGN KEY(forecast_id) REFERENCES forecast (id),
	CONSTRAINT fk_energy_ledger_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "energy_ledger" VALUES(1,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:47.975485',0.084382,'overhead',NULL,NULL,NULL,NULL,95,0,168,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(2,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.059867',0.11464,'audit',NULL,NULL,NULL,NULL,75,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(3,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.174507',0.000772,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(4,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.175279',0.000598,'prepare',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(5,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.175877',0.000399,'overhead',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(6,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.176276',0.028809,'select',NULL,NULL,NULL,NULL,19,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(7,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.205085',0.014032,'select','seasonal_naive','seasonal_naive',NULL,NULL,8,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(8,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.219117',0.024568,'select',NULL,NULL,NULL,NULL,23,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(9,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.243685',0.000701,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(10,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.244386',0.000453,'quantiles',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(11,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.244839',0.000911,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(12,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.245750',0.016592,'quantiles',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(13,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.262342',0.000786,'overhead',NULL,NULL,NULL,NULL,3,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(14,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.263128',0.000389,'search',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(15,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.263517',0.000358,'overhead',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(16,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.263875',0.000361,'evaluate',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(17,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.264236',0.08459,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,62,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(18,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.348826',0.000964,'evaluate',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(19,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.349790',0.01326,'overhead',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(20,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.363050',0.000975,'refit',NULL,NULL,NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(21,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.364025',0.000475,'refit','seasonal_naive+residual/refit','seasonal_naive','residual',NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(22,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.364500',0.000399,'refit',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(23,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.364899',0.000951,'refit','seasonal_naive/refit','seasonal_naive',NULL,NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(24,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.365850',0.012751,'refit',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(25,'job_01a20fb7c6bc02825991644a044ccb17',NULL,1,'2026-11-24','2026-11-24 22:40:48.378601',0.02814,'overhead',NULL,NULL,NULL,NULL,10,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(26,NULL,'fc_01a20fb80802bd492d50d0284c401b5e',1,'2026-11-24','2026-11-24 22:41:06.960197',0.017585,'overhead',NULL,NULL,NULL,NULL,19,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(27,NULL,'fc_01a20fb80802bd492d50d0284c401b5e',1,'2026-11-24','2026-11-24 22:41:06.977782',0.272002,'predict',NULL,NULL,NULL,NULL,176,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
INSERT INTO "energy_ledger" VALUES(28,NULL,'fc_01a20fb80802bd492d50d0284c401b5e',1,'2026-11-24','2026-11-24 22:41:07.249784',0.009349,'overhead',NULL,NULL,NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default');
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
	CONSTRAINT ck_forecast_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT fk_forecast_model_id_model FOREIGN KEY(model_id) REFERENCES model (id),
	CONSTRAINT fk_forecast_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "forecast" VALUES('fc_01a20fb80802bd492d50d0284c401b5e','model_01a20fb8076454aa88f61f24d4bb8dce',NULL,NULL,2,'succeeded',1,0,NULL,'2026-11-24 22:40:48.645476','2026-11-24 22:41:06.961215','2026-11-24 22:41:07.282063','default');
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
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT fk_job_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id),
	CONSTRAINT ck_job_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT fk_job_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "job" VALUES('job_01a20fb7c6bc02825991644a044ccb17','ds_01a20fb7ba8620f1af0c153dbc250341','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','succeeded','refit',1.0,'done',1,0,NULL,'2026-11-24 22:40:31.932181','2026-11-24 22:40:32.073428','2026-11-24 22:40:48.469422','default');
INSERT INTO "job" VALUES('job_01a20fb7c7088bf06e61b436b38bd9c3','ds_01a20fb7ba8620f1af0c153dbc250341','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','cancelled',NULL,0.0,'cancelled before it started',0,0,NULL,'2026-11-24 22:40:32.008791',NULL,'2026-11-24 22:40:32.020858','default');
CREATE TABLE leaderboard_row (
	job_id VARCHAR(48) NOT NULL,
	rank INTEGER NOT NULL,
	"row" JSON NOT NULL,
	CONSTRAINT pk_leaderboard_row PRIMARY KEY (job_id, rank),
	CONSTRAINT fk_leaderboard_row_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "leaderboard_row" VALUES('job_01a20fb7c6bc02825991644a044ccb17',1,'{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.016092918000140344, "energy_wh": 3.3333333333333333e-06, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}');
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
	CONSTRAINT uq_model_job_id UNIQUE (job_id),
	CONSTRAINT fk_model_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT fk_model_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "model" VALUES('model_01a20fb8076454aa88f61f24d4bb8dce','job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.486115','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "issue_times": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "refit": true, "seed": 0}','{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.016092918000140344, "energy_wh": 3.3333333333333333e-06, "spread": null, "error": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}',7699,'default');
CREATE TABLE supervisor_lease (
	id INTEGER NOT NULL,
	holder VARCHAR(80) NOT NULL,
	expires_at DATETIME NOT NULL,
	prediction_worker VARCHAR(80),
	CONSTRAINT pk_supervisor_lease PRIMARY KEY (id),
	CONSTRAINT ck_supervisor_lease_single CHECK (id = 1)
);
INSERT INTO "supervisor_lease" VALUES(1,'1:1.00@somewhere','2026-11-24 22:41:23.015042','28200:1795560048.09');
CREATE TABLE tenant (
	id VARCHAR(48) NOT NULL,
	name VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (id),
	CONSTRAINT uq_tenant_name UNIQUE (name)
);
INSERT INTO "tenant" VALUES('default','default','2026-11-24 22:40:27.791745');
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
INSERT INTO "trial" VALUES(1,'job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.219866','select','seasonal_naive','{}',0.0,1.47821340001428325194e-02,2.22222222222222207457e-06,'seasonal_naive',NULL,NULL,NULL);
INSERT INTO "trial" VALUES(2,'job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.246154','quantiles','seasonal_naive+residual','{}',NULL,1.31078399999751127324e-03,1.11111111111111103728e-06,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(3,'job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.349666','evaluate','seasonal_naive+residual/score','{}',0.0,8.54170560000966361258e-02,1.72222222222222237251e-05,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(4,'job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.364870','refit','seasonal_naive+residual/refit','{}',NULL,8.41418000163685064762e-04,5.55555555555555518644e-07,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(5,'job_01a20fb7c6bc02825991644a044ccb17',1,'2026-11-24 22:40:48.378562','refit','seasonal_naive/refit','{}',NULL,1.36496439999973517842e-02,1.11111111111111103728e-06,'seasonal_naive',NULL,NULL,NULL);
CREATE INDEX ix_trial_job_id_id ON trial (job_id, id);
CREATE INDEX ix_dataset_tenant_id_id ON dataset (tenant_id, id);
CREATE INDEX ix_job_state_id ON job (state, id);
CREATE INDEX ix_job_tenant_id_id ON job (tenant_id, id);
CREATE INDEX ix_model_tenant_id_id ON model (tenant_id, id);
CREATE INDEX ix_forecast_state_id ON forecast (state, id);
CREATE INDEX ix_forecast_tenant_id_id ON forecast (tenant_id, id);
CREATE INDEX ix_energy_ledger_job_id ON energy_ledger (job_id);
CREATE INDEX ix_energy_ledger_forecast_id ON energy_ledger (forecast_id);
CREATE INDEX ix_energy_ledger_day ON energy_ledger (day);
CREATE INDEX ix_energy_ledger_tenant_id_day ON energy_ledger (tenant_id, day);
COMMIT;
