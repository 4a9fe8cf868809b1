select day, sum(amount) from payments group by day
