SELECT source, tool_name, count(*) AS calls, count(*) - sum(success) AS failed, round(avg(duration_ms)) AS "ms each"
FROM tools GROUP BY source, tool_name ORDER BY calls DESC, tool_name LIMIT 8
