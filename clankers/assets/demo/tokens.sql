SELECT source, model, sum(prompt_tokens) AS prompt, sum(completion_tokens) AS completion,
  sum(cache_read_tokens) AS "cache read", sum(cache_write_tokens) AS "cache write", round(sum(cost), 4) AS dollars
FROM sessions WHERE model IS NOT NULL GROUP BY source, model ORDER BY source
