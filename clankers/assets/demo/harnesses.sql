SELECT source, count(*) AS sessions, sum(tool_call_count) AS calls,
  (SELECT count(*) FROM tools t WHERE t.source = s.source AND success = 0) AS failed,
  sum(prompt_tokens) AS input, sum(cache_read_tokens) AS "cache read", sum(cache_write_tokens) AS "cache write",
  sum(completion_tokens) AS output
FROM sessions s GROUP BY source ORDER BY min(created_at)
