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
INSERT INTO "api_key" VALUES('01a20fcf410654af3f9e','golden','bea9db73644496db8dacc9b9e46c9f4285fc3a2b48181fe2247a1a0bc717b45e','read submit','2026-11-24 23:06:10.566750',NULL,NULL,NULL,'default');
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
INSERT INTO "attempt" VALUES('job_01a20fceb7da91beab06d5caa47d3d3d',1,'succeeded','12800:4278.66:d8ba8f30','2026-11-24 23:05:39.300920','2026-11-24 23:05:49.415593','2026-11-24 23:05:49.429972',NULL);
CREATE TABLE autopq_alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT autopq_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "autopq_alembic_version" VALUES('0007');
CREATE TABLE "dataset" (
	id VARCHAR(48) NOT NULL,
	created_at DATETIME NOT NULL,
	media_type VARCHAR(80) NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	rows BIGINT NOT NULL,
	inspection JSON NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	deleted_at DATETIME,
	name VARCHAR(200),
	version INTEGER NOT NULL,
	CONSTRAINT pk_dataset PRIMARY KEY (id),
	CONSTRAINT fk_dataset_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "dataset" VALUES('ds_01a20fceacfb7141f26b2c295fe9ee4c','2026-11-24 23:05:35.258877','application/vnd.apache.parquet',2526,'60fa915748b56cb701e8fa47d04e7f7f931fda2d91207c7ef8cb21e93843b3b2',289,'{"rows": 289, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-02-01T00:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 1}','default',NULL,NULL,2);
CREATE TABLE dataset_version (
	dataset_id VARCHAR(48) NOT NULL,
	version INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	media_type VARCHAR(80) NOT NULL,
	size_bytes BIGINT NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	rows BIGINT NOT NULL,
	added BIGINT NOT NULL,
	replaced BIGINT NOT NULL,
	inspection JSON NOT NULL,
	CONSTRAINT pk_dataset_version PRIMARY KEY (dataset_id, version),
	CONSTRAINT fk_dataset_version_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id)
);
INSERT INTO "dataset_version" VALUES('ds_01a20fceacfb7141f26b2c295fe9ee4c',1,'2026-11-24 23:05:35.258877','text/csv',7947,'8e0eae1289ffa46bffbbf2dadd1d204fc37ddb2dd04864513a328c355428d7c8',288,288,0,'{"rows": 288, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 0}');
INSERT INTO "dataset_version" VALUES('ds_01a20fceacfb7141f26b2c295fe9ee4c',2,'2026-11-24 23:05:49.842371','application/vnd.apache.parquet',2526,'60fa915748b56cb701e8fa47d04e7f7f931fda2d91207c7ef8cb21e93843b3b2',289,1,0,'{"rows": 289, "columns": [{"name": "timestamp", "kind": "time", "missing": 0, "example": "2026-01-01T00:00:00"}, {"name": "load", "kind": "number", "missing": 0, "example": "100.0"}], "timestamp": "timestamp", "item_id": null, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-02-01T00:00:00", "stamps": "naive", "timezone": null, "freq": "h", "duplicates": 0, "unordered": 0, "gaps": 1}');
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
	idle_mj BIGINT NOT NULL,
	idle_method VARCHAR(32) NOT NULL,
	attribution VARCHAR(32) NOT NULL,
	sampling_s DOUBLE NOT NULL,
	carbon_source VARCHAR(80) NOT NULL,
	CONSTRAINT pk_energy_ledger PRIMARY KEY (id),
	CONSTRAINT fk_energy_ledger_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT ck_energy_ledger_one_cause CHECK ((job_id IS NULL) <> (forecast_id IS NULL)),
	CONSTRAINT fk_energy_ledger_forecast_id_forecast FOREIGN KEY(forecast_id) REFERENCES forecast (id),
	CONSTRAINT fk_energy_ledger_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "energy_ledger" VALUES(1,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.012194',0.054122,'overhead',NULL,NULL,NULL,NULL,9511,0,1186,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1056,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(2,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.066316',0.016537,'audit',NULL,NULL,NULL,NULL,4,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(3,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.082853',0.100781,'audit',NULL,NULL,NULL,NULL,118,0,18,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',13,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(4,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.183634',0.000431,'overhead',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(5,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.184065',0.000263,'prepare',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(6,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.184328',0.01443,'prepare',NULL,NULL,NULL,NULL,9,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(7,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.198758',0.000384,'overhead',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(8,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.199142',0.008799,'select',NULL,NULL,NULL,NULL,21,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',3,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(9,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.207941',0.026563,'select',NULL,NULL,NULL,NULL,21,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',2,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(10,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.234504',0.001256,'select','seasonal_naive','seasonal_naive',NULL,NULL,5,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(11,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.235760',0.013394,'select',NULL,NULL,NULL,NULL,19,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',3,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(12,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.249154',0.000297,'overhead',NULL,NULL,NULL,NULL,1,0,1,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(13,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.249451',0.008121,'quantiles',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(14,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.257572',0.00469,'quantiles',NULL,NULL,NULL,NULL,9,0,1,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(15,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.262262',0.001152,'quantiles','seasonal_naive+residual','seasonal_naive','residual',NULL,4,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(16,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.263414',0.000222,'quantiles',NULL,NULL,NULL,NULL,0,0,2,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(17,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.263636',0.007167,'overhead',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(18,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.270803',0.000132,'search',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(19,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.270935',0.04826,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,51,0,8,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',5,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(20,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.319195',0.042394,'evaluate','seasonal_naive+residual/score','seasonal_naive','residual',NULL,54,0,8,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',6,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(21,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.361589',0.000508,'evaluate',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(22,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.362097',0.008486,'overhead',NULL,NULL,NULL,NULL,2,0,2,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',1,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(23,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.370583',0.000315,'refit',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(24,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.370898',0.01196,'refit',NULL,NULL,NULL,NULL,16,0,2,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',2,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(25,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.382858',0.000429,'refit',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(26,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.383287',0.000762,'refit','seasonal_naive/refit','seasonal_naive',NULL,NULL,3,0,1,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(27,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.384049',0.006631,'refit',NULL,NULL,NULL,NULL,2,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(28,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:49.390680',0.023904,'overhead',NULL,NULL,NULL,NULL,16,0,5,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',2,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(29,'job_01a20fceb7da91beab06d5caa47d3d3d',NULL,1,'2026-11-24','2026-11-24 23:05:54.017404',0.0,'overhead',NULL,NULL,NULL,NULL,3144,0,685,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',349,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(30,NULL,'fc_01a20fcef09ecf4f72b66b06b8171f04',1,'2026-11-24','2026-11-24 23:06:02.224828',0.032393,'overhead',NULL,NULL,NULL,NULL,18,0,3,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',2,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(31,NULL,'fc_01a20fcef09ecf4f72b66b06b8171f04',1,'2026-11-24','2026-11-24 23:06:02.257221',0.211113,'predict',NULL,NULL,NULL,NULL,167,0,39,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',19,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
INSERT INTO "energy_ledger" VALUES(32,NULL,'fc_01a20fcef09ecf4f72b66b06b8171f04',1,'2026-11-24','2026-11-24 23:06:02.468334',0.000324,'overhead',NULL,NULL,NULL,NULL,1,0,0,'load_model','none','dimm_model',0,'DEU',380.95,1.0,'codecarbon 3.3.2','default',0,'rated_share','process_share',1.0,'yearly mean 2023, codecarbon 3.3.2');
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
	tenant_id VARCHAR(48) NOT NULL, deleted_at DATETIME,
	CONSTRAINT pk_forecast PRIMARY KEY (id),
	CONSTRAINT fk_forecast_model_id_model FOREIGN KEY(model_id) REFERENCES model (id),
	CONSTRAINT ck_forecast_crashes CHECK (crashes BETWEEN 0 AND 2),
	CONSTRAINT ck_forecast_state CHECK (state IN ('queued', 'running', 'succeeded', 'failed')),
	CONSTRAINT fk_forecast_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "forecast" VALUES('fc_01a20fcef09ecf4f72b66b06b8171f04','model_01a20fceee8dd3d084eda2c8b791f8eb',NULL,NULL,2,'succeeded',1,0,NULL,'2026-11-24 23:05:49.984404','2026-11-24 23:06:02.244743','2026-11-24 23:06:02.511265','default',NULL);
CREATE TABLE host_energy (
	id INTEGER NOT NULL,
	host VARCHAR(255) NOT NULL,
	started_at DATETIME NOT NULL,
	seconds DOUBLE NOT NULL,
	cpu_mj BIGINT NOT NULL,
	gpu_mj BIGINT NOT NULL,
	ram_mj BIGINT NOT NULL,
	idle_mj BIGINT NOT NULL,
	cpu_method VARCHAR(32) NOT NULL,
	gpu_method VARCHAR(32) NOT NULL,
	ram_method VARCHAR(32) NOT NULL,
	idle_method VARCHAR(32) NOT NULL,
	measured BOOLEAN NOT NULL,
	pue DOUBLE NOT NULL,
	tool VARCHAR(80) NOT NULL,
	sampling_s DOUBLE NOT NULL,
	CONSTRAINT pk_host_energy PRIMARY KEY (id)
);
INSERT INTO "host_energy" VALUES(1,'vm','2026-11-24 23:05:38.916721',1.50288753079994421568e+01,107472,0,299403,11976,'load_model','none','dimm_model','rated_share',0,1.0,'codecarbon 3.3.2',1.0);
INSERT INTO "host_energy" VALUES(2,'vm','2026-11-24 23:05:53.945596',2.12588025670002025427e+01,152466,0,425486,17020,'load_model','none','dimm_model','rated_share',0,1.0,'codecarbon 3.3.2',1.0);
CREATE TABLE host_energy_share (
	id INTEGER NOT NULL,
	host_energy_id INTEGER NOT NULL,
	kind VARCHAR(16) NOT NULL,
	job_id VARCHAR(48),
	attempt INTEGER,
	cpu_mj BIGINT NOT NULL,
	gpu_mj BIGINT NOT NULL,
	ram_mj BIGINT NOT NULL,
	idle_mj BIGINT NOT NULL,
	CONSTRAINT pk_host_energy_share PRIMARY KEY (id),
	CONSTRAINT ck_host_energy_share_kind CHECK (kind IN ('attempt', 'forecasts', 'service', 'rest')),
	CONSTRAINT fk_host_energy_share_host_energy_id_host_energy FOREIGN KEY(host_energy_id) REFERENCES host_energy (id),
	CONSTRAINT fk_host_energy_share_job_id_attempt_attempt FOREIGN KEY(job_id, attempt) REFERENCES attempt (job_id, number)
);
INSERT INTO "host_energy_share" VALUES(1,1,'service',NULL,NULL,3631,0,3744,404);
INSERT INTO "host_energy_share" VALUES(2,1,'rest',NULL,NULL,87868,0,293548,9798);
INSERT INTO "host_energy_share" VALUES(3,1,'attempt','job_01a20fceb7da91beab06d5caa47d3d3d',1,13021,0,1934,1446);
INSERT INTO "host_energy_share" VALUES(4,1,'forecasts',NULL,NULL,2952,0,177,328);
INSERT INTO "host_energy_share" VALUES(5,2,'service',NULL,NULL,3455,0,5383,384);
INSERT INTO "host_energy_share" VALUES(6,2,'forecasts',NULL,NULL,9967,0,3552,1108);
INSERT INTO "host_energy_share" VALUES(7,2,'rest',NULL,NULL,139044,0,416551,15528);
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
	dataset_version INTEGER NOT NULL,
	model_name VARCHAR(64), deleted_at DATETIME,
	CONSTRAINT pk_job PRIMARY KEY (id),
	CONSTRAINT ck_job_state CHECK (state IN ('queued', 'running', 'cancelling', 'succeeded', 'failed', 'cancelled')),
	CONSTRAINT fk_job_dataset_id_dataset FOREIGN KEY(dataset_id) REFERENCES dataset (id),
	CONSTRAINT fk_job_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id),
	CONSTRAINT ck_job_crashes CHECK (crashes BETWEEN 0 AND 2)
);
INSERT INTO "job" VALUES('job_01a20fceb7da91beab06d5caa47d3d3d','ds_01a20fceacfb7141f26b2c295fe9ee4c','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "static_features": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "min_coverage": null, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','succeeded','refit',1.0,'done',1,0,NULL,'2026-11-24 23:05:35.450280','2026-11-24 23:05:39.300920','2026-11-24 23:05:49.429972','default',5,'{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}',NULL,'default',0,NULL,NULL,1,NULL,NULL);
INSERT INTO "job" VALUES('job_01a20fceb86348704c74ad2877b78878','ds_01a20fceacfb7141f26b2c295fe9ee4c','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "static_features": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "min_coverage": null, "refit": true, "seed": 0}','{"rows": 288, "series": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "freq": "h", "timezone": null, "timestamp": "timestamp", "item_id": null, "target": "load", "known_covariates": [], "missing_rows": 0, "missing_values": {"load": 0}, "missing_blocks": [], "flat_stretches": [], "zero_share": 0.0, "negative": 0, "short_days": [], "long_days": [], "per_series": [{"item_id": "series", "rows": 288, "start": "2026-01-01T00:00:00", "end": "2026-01-12T23:00:00", "missing": 0, "future_rows": 0, "mean": 100.0, "std": 7.070934238132893, "minimum": 90.0, "maximum": 110.0}], "warnings": []}','cancelled',NULL,0.0,'cancelled before it started',0,0,NULL,'2026-11-24 23:05:35.587703',NULL,'2026-11-24 23:05:35.638431','default',0,NULL,NULL,'default',0,NULL,NULL,1,NULL,NULL);
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
INSERT INTO "job_event" VALUES(1,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:35.450280',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(2,'job_01a20fceb86348704c74ad2877b78878','2026-11-24 23:05:35.587703',0,'state','{"state": "queued", "message": "waiting for a worker"}');
INSERT INTO "job_event" VALUES(3,'job_01a20fceb86348704c74ad2877b78878','2026-11-24 23:05:35.638431',0,'state','{"state": "cancelled", "message": "cancelled before it started"}');
INSERT INTO "job_event" VALUES(4,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:39.300920',1,'state','{"state": "running", "message": "starting a worker"}');
INSERT INTO "job_event" VALUES(5,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.063966',1,'phase','{"phase": "audit"}');
INSERT INTO "job_event" VALUES(6,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.184015',1,'phase','{"phase": "prepare"}');
INSERT INTO "job_event" VALUES(7,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.199109',1,'phase','{"phase": "select"}');
INSERT INTO "job_event" VALUES(8,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.235978',1,'trial','{"phase": "select", "name": "seasonal_naive", "score": 0.0, "seconds": 0.015673746000175015, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(9,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.235995',1,'progress','{"progress": 0.1111111111111111, "message": "fitted seasonal_naive", "eta_seconds": 2.5}');
INSERT INTO "job_event" VALUES(10,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.249410',1,'phase','{"phase": "quantiles"}');
INSERT INTO "job_event" VALUES(11,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.263601',1,'trial','{"phase": "quantiles", "name": "seasonal_naive+residual", "score": null, "seconds": 0.006016913999701501, "error": null, "best": {"phase": "select", "name": "seasonal_naive", "score": 0.0}}');
INSERT INTO "job_event" VALUES(12,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.263624',1,'progress','{"progress": 0.2222222222222222, "message": "fitted seasonal_naive+residual", "eta_seconds": 1.2}');
INSERT INTO "job_event" VALUES(13,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.270767',1,'phase','{"phase": "search"}');
INSERT INTO "job_event" VALUES(14,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.271027',1,'phase','{"phase": "evaluate"}');
INSERT INTO "job_event" VALUES(15,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.361962',1,'trial','{"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0, "seconds": 0.0907687029994122, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(16,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.362087',1,'progress','{"progress": 0.3333333333333333, "message": "seasonal_naive+residual is best on validation", "eta_seconds": 0.9}');
INSERT INTO "job_event" VALUES(17,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.370533',1,'phase','{"phase": "refit"}');
INSERT INTO "job_event" VALUES(18,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.383263',1,'trial','{"phase": "refit", "name": "seasonal_naive+residual/refit", "score": null, "seconds": 0.00039861099958216073, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(19,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.390625',1,'trial','{"phase": "refit", "name": "seasonal_naive/refit", "score": null, "seconds": 0.0072958110004037735, "error": null, "best": {"phase": "evaluate", "name": "seasonal_naive+residual/score", "score": 0.0}}');
INSERT INTO "job_event" VALUES(20,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.390668',1,'progress','{"progress": 0.4444444444444444, "message": "refitted on all rows", "eta_seconds": 0.6}');
INSERT INTO "job_event" VALUES(21,'job_01a20fceb7da91beab06d5caa47d3d3d','2026-11-24 23:05:49.429972',1,'state','{"state": "succeeded", "message": "done"}');
CREATE TABLE leaderboard_row (
	job_id VARCHAR(48) NOT NULL,
	rank INTEGER NOT NULL,
	"row" JSON NOT NULL,
	CONSTRAINT pk_leaderboard_row PRIMARY KEY (job_id, rank),
	CONSTRAINT fk_leaderboard_row_job_id_job FOREIGN KEY(job_id) REFERENCES job (id)
);
INSERT INTO "leaderboard_row" VALUES('job_01a20fceb7da91beab06d5caa47d3d3d',1,'{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.021690659999876516, "energy_wh": 2.5e-06, "spread": null, "error": null, "not_recommended": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}');
CREATE TABLE "model" (
	id VARCHAR(48) NOT NULL,
	job_id VARCHAR(48) NOT NULL,
	attempt INTEGER NOT NULL,
	created_at DATETIME NOT NULL,
	config JSON NOT NULL,
	summary JSON NOT NULL,
	size_bytes BIGINT NOT NULL,
	tenant_id VARCHAR(48) NOT NULL,
	name VARCHAR(64) NOT NULL,
	version INTEGER NOT NULL,
	deleted_at DATETIME,
	CONSTRAINT pk_model PRIMARY KEY (id),
	CONSTRAINT uq_model_job_id UNIQUE (job_id),
	CONSTRAINT fk_model_job_id_job FOREIGN KEY(job_id) REFERENCES job (id),
	CONSTRAINT fk_model_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id),
	CONSTRAINT uq_model_tenant_id_name_version UNIQUE (tenant_id, name, version)
);
INSERT INTO "model" VALUES('model_01a20fceee8dd3d084eda2c8b791f8eb','job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.461529','{"target": "load", "horizon": 3, "timestamp": null, "item_id": null, "known_covariates": [], "static_features": [], "available_at": null, "issue_times": null, "lead_time": 0, "delivery_day": null, "freq": null, "timezone": null, "holidays": null, "lower": null, "upper": null, "quantile_levels": [0.1, 0.5, 0.9], "preset": "fast", "forecasters": ["seasonal_naive"], "quantile_models": ["residual"], "training_methods": {"forecaster": null, "cinn": null, "quantile": null}, "test_fraction": 0.2, "validation_fraction": 0.2, "min_coverage": null, "refit": true, "seed": 0}','{"rank": 1, "name": "seasonal_naive+residual", "forecaster": "seasonal_naive", "quantile_model": "residual", "training_method": null, "reference": true, "validation": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.4765363888534997e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 6.814263285244817e-17, "crossing_share": 0.0}, "test": {"mean_pinball": 0.0, "crps": 0.0, "weighted_quantile_loss": 0.0, "mae": 0.0, "rmse": 3.487834063513947e-14, "bias": 0.0, "coverage_50": 1.0, "coverage_80": 1.0, "coverage_90": 1.0, "width_90": 0.0, "interval_score_90": 0.0, "calibration_error": 7.12015566517131e-17, "crossing_share": 0.0}, "seconds": 0.021690659999876516, "energy_wh": 2.5e-06, "spread": null, "error": null, "not_recommended": null, "trainable_parameters": null, "stored_parameters": null, "dense_parameters": null, "bytes_sent": null, "details": {"forecaster": {"season_steps": 24}, "quantile_model": {"error_windows": 44}}}',7922,'default','ds_01a20fceacfb7141f26b2c295fe9ee4c',1,NULL);
CREATE TABLE model_alias (
	tenant_id VARCHAR(48) NOT NULL,
	name VARCHAR(64) NOT NULL,
	alias VARCHAR(32) NOT NULL,
	model_id VARCHAR(48) NOT NULL,
	promoted_at DATETIME NOT NULL,
	CONSTRAINT pk_model_alias PRIMARY KEY (tenant_id, name, alias),
	CONSTRAINT fk_model_alias_model_id_model FOREIGN KEY(model_id) REFERENCES model (id),
	CONSTRAINT fk_model_alias_tenant_id_tenant FOREIGN KEY(tenant_id) REFERENCES tenant (id)
);
INSERT INTO "model_alias" VALUES('default','ds_01a20fceacfb7141f26b2c295fe9ee4c','production','model_01a20fceee8dd3d084eda2c8b791f8eb','2026-11-24 23:05:49.884957');
CREATE TABLE supervisor_lease (
	id INTEGER NOT NULL,
	holder VARCHAR(80) NOT NULL,
	expires_at DATETIME NOT NULL,
	prediction_worker VARCHAR(80),
	CONSTRAINT pk_supervisor_lease PRIMARY KEY (id),
	CONSTRAINT ck_supervisor_lease_single CHECK (id = 1)
);
INSERT INTO "supervisor_lease" VALUES(1,'1:1.00@somewhere','2026-11-24 23:06:16.923244','12958:4289.50:d8ba8f30');
CREATE TABLE tenant (
	id VARCHAR(48) NOT NULL,
	name VARCHAR(100) NOT NULL,
	created_at DATETIME NOT NULL,
	CONSTRAINT pk_tenant PRIMARY KEY (id),
	CONSTRAINT uq_tenant_name UNIQUE (name)
);
INSERT INTO "tenant" VALUES('default','default','2026-11-24 23:05:30.662336');
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
INSERT INTO "trial" VALUES(1,'job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.235972','select','seasonal_naive','{}',0.0,1.56737460001750150695e-02,1.38888888888888895544e-06,'seasonal_naive',NULL,NULL,NULL);
INSERT INTO "trial" VALUES(2,'job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.263596','quantiles','seasonal_naive+residual','{}',NULL,6.01691399970150087028e-03,1.11111111111111103728e-06,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(3,'job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.361955','evaluate','seasonal_naive+residual/score','{}',0.0,0.0907687029994122,3.66666666666666657132e-05,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(4,'job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.383258','refit','seasonal_naive+residual/refit','{}',NULL,3.98610999582160729914e-04,0.0,'seasonal_naive','residual',NULL,NULL);
INSERT INTO "trial" VALUES(5,'job_01a20fceb7da91beab06d5caa47d3d3d',1,'2026-11-24 23:05:49.390618','refit','seasonal_naive/refit','{}',NULL,7.29581100040377350524e-03,1.11111111111111103728e-06,'seasonal_naive',NULL,NULL,NULL);
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
CREATE INDEX ix_forecast_state_id ON forecast (state, id);
CREATE INDEX ix_forecast_tenant_id_id ON forecast (tenant_id, id);
CREATE INDEX ix_idempotency_key_expires_at ON idempotency_key (expires_at);
CREATE INDEX ix_job_event_job_id_id ON job_event (job_id, id);
CREATE UNIQUE INDEX ix_webhook_secret_tenant_id ON webhook_secret (tenant_id);
CREATE INDEX ix_webhook_delivery_state_next_at ON webhook_delivery (state, next_at);
CREATE INDEX ix_webhook_delivery_job_id ON webhook_delivery (job_id);
CREATE INDEX ix_energy_ledger_tenant_id_day ON energy_ledger (tenant_id, day);
CREATE INDEX ix_energy_ledger_day ON energy_ledger (day);
CREATE INDEX ix_energy_ledger_job_id ON energy_ledger (job_id);
CREATE INDEX ix_energy_ledger_forecast_id ON energy_ledger (forecast_id);
CREATE INDEX ix_host_energy_host_started_at ON host_energy (host, started_at);
CREATE INDEX ix_host_energy_share_host_energy_id ON host_energy_share (host_energy_id);
CREATE INDEX ix_host_energy_share_job_id_attempt ON host_energy_share (job_id, attempt);
CREATE INDEX ix_dataset_tenant_id_id ON dataset (tenant_id, id);
CREATE INDEX ix_job_tenant_id_started_at ON job (tenant_id, started_at);
CREATE INDEX ix_job_dataset_id_id ON job (dataset_id, id);
CREATE INDEX ix_job_state_id ON job (state, id);
CREATE INDEX ix_job_deadline ON job (deadline);
CREATE INDEX ix_job_tenant_id_id ON job (tenant_id, id);
CREATE INDEX ix_model_tenant_id_id ON model (tenant_id, id);
CREATE INDEX ix_model_alias_model_id ON model_alias (model_id);
COMMIT;
