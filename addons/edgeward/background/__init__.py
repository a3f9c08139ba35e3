"""Building blocks of background work. They know nothing of images, lists or caches.

worker_loop     runs one step after another, whatever fails
polling         pauses between two looks that grow
fair_queue      a bounded queue in which hosts, and the clients of a host, take turns
outage_log      logs the start and the end of a store outage
write_buffer    a bounded queue of items that wait to be written to the store
job_store       durable jobs, leased to workers
job_worker      carries out durable jobs, several at the same time
consumer_group  a stream whose items are shared out among consumers
ttl_set         a set whose keys expire
"""
